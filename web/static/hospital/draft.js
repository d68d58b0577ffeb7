// What was typed and not sent yet, over a sign-in in between; it ends with the tab.

export class Draft {
  constructor(encounterId) {
    this.name = `greenchannel.draft.${encounterId}`;
    try { this.value = JSON.parse(sessionStorage.getItem(this.name) ?? "{}"); } catch { this.value = {}; }
  }

  write(more) {
    this.value = Object.fromEntries(Object.entries({ ...this.value, ...more }).filter(([, value]) => value !== null));
    try {
      sessionStorage.setItem(this.name, JSON.stringify(this.value));
    } catch { /* for as long as the page is open, then */ }
    return this.value;
  }

  forget() {
    this.value = {};
    try { sessionStorage.removeItem(this.name); } catch { /* nothing was kept */ }
  }
}
