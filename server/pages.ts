/** A page from the lowest key up: those above `after` (all, when there is none), at most `limit` of them. */
export interface PageAfter<Key> {
  readonly limit: number;
  readonly after?: Key | undefined;
}

/** A page from the newest down: those below `before`. */
export interface PageBefore<Key> {
  readonly limit: number;
  readonly before?: Key | undefined;
}
