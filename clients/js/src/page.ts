/** What the page tells of itself and of the network. Outside of browsers it tells nothing. */

export interface PageEvents {
  /** There is a reason to think that a connection can be made now, or that one is gone. */
  awake(): void;
  /** The network is gone, says the browser; it is wrong too often to believe it. */
  offline(): void;
  /** The page goes away or is frozen, perhaps for ever. A page with a connection could not be kept for later. */
  away(): void;
}

/** Listen until `signal` is aborted. */
export function watchPage({ awake, offline, away }: PageEvents, signal: AbortSignal): void {
  const { document } = globalThis;
  const on = (target: EventTarget | undefined, name: string, then: (event: any) => void): void =>
    target?.addEventListener?.(name, then, { signal });
  on(globalThis, "online", awake);
  on(globalThis, "offline", offline);
  on(globalThis, "pagehide", away);
  on(globalThis, "pageshow", (event: PageTransitionEvent) => event.persisted && awake());
  on(document, "freeze", away);
  on(document, "resume", awake);
  on(document, "visibilitychange", () => isHidden() || awake());
}

export function isHidden(): boolean {
  return globalThis.document?.visibilityState === "hidden";
}
