// Pictures: made small enough for a bad line, named by their hash, sent in pieces that are kept.

import { fetchFrom, Problem } from "../kit/api.js";
import { forget, keep, kept } from "../kit/keep.js";

const PIECE = 64 * 1024;
const LONG_SIDE = 2200;
const TUS = { "tus-resumable": "1.0.0" };

const hex = (bytes) => [...new Uint8Array(bytes)].map((byte) => byte.toString(16).padStart(2, "0")).join("");

// A blob with what a service has to know of it: {sha256, media_type, size}. It is kept on the phone.
export async function store(blob) {
  const sha256 = hex(await crypto.subtle.digest("SHA-256", await blob.arrayBuffer()));
  await keep("notes", `file:${sha256}`, blob);
  return { sha256, media_type: blob.type, size: blob.size };
}

// The picture of a camera, as large as can be read and not larger.
export async function smaller(file) {
  const picture = await createImageBitmap(file, { imageOrientation: "from-image" });
  const scale = Math.min(1, LONG_SIDE / Math.max(picture.width, picture.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(picture.width * scale);
  canvas.height = Math.round(picture.height * scale);
  canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
  return new Promise((done) => { canvas.toBlob(done, "image/jpeg", 0.85); });
}

const offsetOf = (answer) => Number(answer.headers.get("upload-offset") ?? 0);

// By tus: says what is to come, and goes on from where the line broke.
export async function sendFile({ path, file, duty }) {
  const blob = await kept("notes", `file:${file.sha256}`);
  if (!blob) throw new Problem(410, { title: "file" });
  const base = `/crew/api/gateway/v1/${path}`;
  const headers = { ...TUS, "green-channel-duty": duty };
  const about = `sha256 ${btoa(file.sha256)},filetype ${btoa(file.media_type)}`;
  let at = offsetOf(await fetchFrom(base, {
    method: "POST", headers: { ...headers, "upload-length": String(file.size), "upload-metadata": about }
  }));
  while (at < file.size) {
    const sent = await fetchFrom(`${base}/${file.sha256}`, {
      method: "PATCH", raw: true, body: blob.slice(at, at + PIECE), patience: 60_000,
      headers: { ...headers, "content-type": "application/offset+octet-stream", "upload-offset": String(at) },
    });
    at = offsetOf(sent);
  }
  await forget("notes", `file:${file.sha256}`);
  return null;
}
