// A new mission, or an answer that was taken back, is not to be missed: it is heard and felt until somebody says
// that they have it.

const EVERY_MS = 3000;
const SHAKES = [400, 150, 400, 150, 400];
const TONES = [[880, 0], [1175, 0.22], [880, 0.44], [1175, 0.66]];
let context = null;
let timer = null;

// A browser lets a page make a sound, and shake, once somebody has touched it.
const shake = (how) => { if (navigator.userActivation?.hasBeenActive ?? true) navigator.vibrate?.(how); };
addEventListener("pointerdown", () => {
  context ??= new AudioContext();
  context.resume().catch(() => {});
});

function ring() {
  shake(SHAKES);
  if (context?.state !== "running") return;
  for (const [pitch, after] of TONES) {
    const tone = context.createOscillator();
    const volume = context.createGain();
    const at = context.currentTime + after;
    tone.frequency.value = pitch;
    volume.gain.setValueAtTime(0.001, at);
    volume.gain.exponentialRampToValueAtTime(0.6, at + 0.02);
    volume.gain.exponentialRampToValueAtTime(0.001, at + 0.2);
    tone.connect(volume).connect(context.destination);
    tone.start(at);
    tone.stop(at + 0.22);
  }
}

export function sound(isNeeded) {
  if (isNeeded === Boolean(timer)) return;
  clearInterval(timer);
  timer = isNeeded ? setInterval(ring, EVERY_MS) : null;
  if (isNeeded) ring();
  else shake(0);
}
