// Proves the properties in test/proofs: npm run prove -- [contract …] [--with DIR]. One line a property; any that is not
// proven ends the command with 1. Files under DIR stand in for the project's: the tests break them on purpose.
import { parseArgs } from "node:util";
import { prove, readProofs, type Verdict } from "./prover.ts";

const { values, positionals } = parseArgs({ options: { with: { type: "string" } }, allowPositionals: true });
const all = readProofs();
const unknown = positionals.filter((name) => !all.some(({ contract }) => contract === name));
const proofs = positionals.length === 0 ? all : all.filter(({ contract }) => positionals.includes(contract));

function show({ contract, property, failure, milliseconds }: Verdict): void {
  const seconds = (milliseconds / 1000).toFixed(1).padStart(6);
  if (failure === undefined) console.log(`proven     ${seconds} s  ${contract}: ${property}`);
  else console.log(`NOT PROVEN ${seconds} s  ${contract}: ${property}\n${failure.replace(/^/gm, "    ")}`);
}

const startedAt = Date.now();
const verdicts = await prove(proofs, { overlay: values.with, report: show });
const failed = verdicts.filter(({ failure }) => failure !== undefined).length;
for (const name of unknown) console.log(`NOT PROVEN ${name}: there is no such contract in test/proofs`);
const seconds = Math.round((Date.now() - startedAt) / 1000);
console.log(`${verdicts.length - failed} properties proven, ${failed + unknown.length} not, in ${seconds} s`);
process.exit(failed + unknown.length === 0 && verdicts.length > 0 ? 0 : 1);
