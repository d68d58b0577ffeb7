// Streets under the map, of tiles that the site has named: MapLibre draws them and nothing else, and is
// loaded only then. Where they do not come, the map is as it is without.

import { told } from "../kit/api.js";
import { Component, createRef, html } from "../kit/html.js";
import { round } from "./places.js";

const LIBRARY = "/static/vendor/maplibre-gl.mjs";
// The library's world is so many pixels wide where it is smallest.
const WORLD_PX = 512;
// Quiet enough for what stands on it.
const PAINT = { "raster-saturation": -0.7, "raster-brightness-max": 0.35, "raster-fade-duration": 0 };

// Our view in the library's words.
function camera({ x, y, pixel }) {
  const { longitude, latitude } = round({ x, y });
  return { center: [longitude, latitude], zoom: Math.log2(1 / (WORLD_PX * pixel)) };
}

export class Streets extends Component {
  box = createRef();

  async componentDidMount() {
    try { this.begin(await import(LIBRARY)); } catch { /* a browser that cannot draw them */ }
  }

  begin(library) {
    if (!this.box.current) return;
    const source = { type: "raster", tiles: [told.tiles], tileSize: 256, maxzoom: 18 };
    this.map = new library.Map({
      container: this.box.current, interactive: false, attributionControl: false, trackResize: false,
      style: {
        version: 8,
        sources: { tiles: source },
        layers: [{ id: "tiles", type: "raster", source: "tiles", paint: PAINT }]
      },
      ...camera(this.props.view),
    });
    this.map.on("error", () => { /* said in the browser's own tools; the next tile may come */ });
    this.map.on("sourcedata", ({ tile, coord }) => { if (tile || coord) this.props.onThere(); });
  }

  componentDidUpdate(before) {
    if (before.width !== this.props.width || before.height !== this.props.height) this.map?.resize();
    this.map?.jumpTo(camera(this.props.view));
  }

  componentWillUnmount() { this.map?.remove(); }

  render() {
    return html`<div class="streets" aria-hidden="true"><div ref=${this.box}></div></div>`;
  }
}
