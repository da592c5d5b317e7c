import { Failure } from "./failure.ts";

/** Nothing was taken, and when to come again: there was too much of one sender (429), or of all, or no database (503). */
export class Busy extends Failure {
  readonly isOwnFault: boolean;
  readonly retrySec: number;

  constructor(code: string, message: string, isOwnFault: boolean, retryMs: number) {
    super(code, message);
    this.isOwnFault = isOwnFault;
    this.retrySec = Math.max(1, Math.ceil(retryMs / 1000));
  }
}
