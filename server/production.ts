// Production mode: what is in the environment can be read by whoever may look at the process, and is handed to every child, so
// no key is taken from it and a program that finds one there does not start.

const PEM = /-----BEGIN [A-Z ]*PRIVATE KEY/;
const HEX_KEY = /(?<![0-9a-fA-F])(?:0x)?[0-9a-fA-F]{64}(?![0-9a-fA-F])/;
const PHRASE = /^\s*(?:[a-z]{3,8}\s+){11,23}[a-z]{3,8}\s*$/;
const KEY_NAME = /PRIV|SECRET|MNEMONIC|SEED|WALLET|SIGN|_KEY|KEY_|^KEY|_PK$|^PK/i;
const PASSWORD_NAME = /^RACKBOND_.*(?:PASSWORD|PIN|TOKEN|SECRET)$/;

/** What of the environment looks like key material, each as a fault that names the variable and nothing of its value. */
export function keyMaterialIn(env: Readonly<Record<string, string | undefined>>): string[] {
  const faults: string[] = [];
  for (const [name, value] of Object.entries(env)) {
    if (value === undefined || value === "") continue;
    const isOurs = name.startsWith("RACKBOND_");
    const isKey =
      PEM.test(value) ||
      value.includes("plain:0x") ||
      PASSWORD_NAME.test(name) ||
      ((isOurs || KEY_NAME.test(name)) && (HEX_KEY.test(value) || PHRASE.test(value)));
    if (isKey)
      faults.push(`${name} holds key material; production mode takes keys from files, tokens and signers only`);
  }
  return faults;
}
