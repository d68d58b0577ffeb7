// What the browser keeps for a time without a connection.

import { openDB } from "idb";

const STORES = ["copies", "acts", "notes"];
let opened = null;
const base = () => (opened ??= openDB(`greenchannel-${document.documentElement.dataset.desk}`, 1, {
  upgrade(db) { for (const name of STORES) if (!db.objectStoreNames.contains(name)) db.createObjectStore(name); },
}));

export const keep = async (store, key, value) => (await base()).put(store, value, key);
export const kept = async (store, key) => (await base()).get(store, key);
export const forget = async (store, key) => (await base()).delete(store, key);
export const allKept = async (store) => {
  const db = await base();
  const [keys, values] = [await db.getAllKeys(store), await db.getAll(store)];
  return keys.map((key, place) => [key, values[place]]);
};

// The pages and their files are there without a connection too.
export async function stayThere() {
  if (!("serviceWorker" in navigator)) return;
  try {
    await navigator.serviceWorker.register(`/${document.documentElement.dataset.desk}/sw.js`);
  } catch { /* with a connection, then */ }
}
