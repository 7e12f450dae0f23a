/** How long to wait before the next attempt, so that many clients never come back in the same moment. */

/** Milliseconds that the first wait has at most. */
const FIRST = 500;

/** Longer waits would only keep a person waiting after the server is back. */
const LONGEST = 30_000;

/** Nobody looks at a hidden page; and browsers let its timers fire once a minute anyway. */
const LONGEST_HIDDEN = 300_000;

/** So that a server that drops everybody at once is not asked in a tight loop. */
const SHORTEST = 50;

/** Seconds. A hint beyond it would be a way to switch clients off for ever; and timers cannot count beyond 24 days. */
const LONGEST_HINT = 3600;

/** Milliseconds: so many seconds, or up to half as many more, that all who are told the same do not do the same. */
export function spread(seconds: number): number {
  return seconds * 1000 * (1 + Math.random() / 2);
}

/**
 * Milliseconds to wait before the next attempt; `away` of them have passed since there was a connection.
 *
 * Full jitter: anywhere between nothing and the bound, because any part of it that all have in common is a wave of
 * arrivals at the server. The bound is the time that has passed already: a server that was away for a second has
 * everybody back within about another one, evenly. A bound that doubles with each attempt is far beyond that for whoever
 * had some short waits in a row, and everybody else comes in the first moments.
 *
 * `reason` is that of the Close: `retry=2.4` in it is the server's own wish, in seconds.
 */
export function waitAfter(away: number, reason: string, isHidden: boolean): number {
  const hint = /\bretry=(\d+(?:\.\d+)?)/.exec(reason);
  if (hint) return Math.max(SHORTEST, spread(Math.min(+hint[1]!, LONGEST_HINT)));
  const bound = Math.min(isHidden ? LONGEST_HIDDEN : LONGEST, Math.max(FIRST, away));
  return SHORTEST + Math.random() * bound;
}
