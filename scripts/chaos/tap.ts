/** Takes the JSON bodies out of HTTP/1.1 messages as they pass; what is cut off or is no JSON is passed over. */
export class BodyReader {
  #bytes = Buffer.alloc(0);
  readonly #onJson: (json: unknown) => void;

  constructor(onJson: (json: unknown) => void) {
    this.#onJson = onJson;
  }

  push(bytes: Buffer): void {
    this.#bytes = Buffer.concat([this.#bytes, bytes]);
    while (this.#readMessage());
  }

  #readMessage(): boolean {
    const headEnd = this.#bytes.indexOf("\r\n\r\n");
    if (headEnd === -1) return false;
    const head = this.#bytes.subarray(0, headEnd).toString("latin1");
    const bodyAt = headEnd + 4;
    const length = /^content-length: *(\d+)/im.exec(head)?.[1];
    if (length !== undefined) return this.#take(bodyAt, Number(length), bodyAt + Number(length));
    if (!/^transfer-encoding: *chunked/im.test(head)) return this.#take(bodyAt, 0, bodyAt);
    const end = this.#bytes.indexOf("\r\n0\r\n\r\n", headEnd);
    if (end === -1) return false;
    this.#bytes = this.#bytes.subarray(end + 7); // files come in chunks; nobody signs in them
    return true;
  }

  #take(bodyAt: number, length: number, end: number): boolean {
    if (this.#bytes.length < end) return false;
    const body = this.#bytes.subarray(bodyAt, bodyAt + length).toString("utf8");
    this.#bytes = this.#bytes.subarray(end);
    if (!body.startsWith("{")) return true;
    try {
      this.#onJson(JSON.parse(body));
    } catch {
      // Changed on the way.
    }
    return true;
  }
}
