/** Work that is done one after another, by name. */
export class Queues {
  private readonly last = new Map<string, Promise<void>>();

  /** Resolves or rejects as the work does; what comes next waits for it either way. */
  add(name: string, work: () => Promise<void>): Promise<void> {
    const next = (this.last.get(name) ?? Promise.resolve()).then(work);
    const settled = next.catch(() => undefined);
    this.last.set(name, settled);
    void settled.then(() => {
      if (this.last.get(name) === settled) this.last.delete(name);
    });
    return next;
  }
}
