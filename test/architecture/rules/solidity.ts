import compiler from "solc";
import type { TextFile } from "./files.ts";
import { resolveImport, type Module } from "./imports.ts";

/** What these rules read of the compiler's syntax tree. */
interface Node {
  nodeType: string;
  src: string;
  name?: string;
  nodes?: Node[];
  file?: string;
  kind?: string;
  contractKind?: string;
  baseContracts?: { baseName: { name: string } }[];
  documentation?: unknown;
  visibility?: string;
  stateMutability?: string;
  mutability?: string;
  modifiers?: { modifierName: { name: string } }[];
  parameters?: { parameters: Node[] };
  indexed?: boolean;
  typeName?: { name?: string; pathNode?: { name: string } };
}

const solc = compiler as { compile(input: string): string };

export interface SourceUnit extends TextFile {
  nodes: Node[];
}

/** The syntax trees of Solidity files, by the compiler that builds them. Parsing only: imports need not resolve. */
export function parseSolidity(files: TextFile[]): SourceUnit[] {
  const input = {
    language: "Solidity",
    sources: Object.fromEntries(files.map(({ path, text }) => [path, { content: text }])),
    settings: { stopAfter: "parsing", outputSelection: { "*": { "": ["ast"] } } },
  };
  const output = JSON.parse(solc.compile(JSON.stringify(input))) as {
    errors?: { severity: string; formattedMessage: string }[];
    sources: Record<string, { ast: { nodes: Node[] } }>;
  };
  const errors = (output.errors ?? []).filter(({ severity }) => severity === "error");
  if (errors.length > 0) throw new Error(errors.map(({ formattedMessage }) => formattedMessage).join("\n"));
  return files.map((file) => ({ ...file, nodes: output.sources[file.path]!.ast.nodes }));
}

function contractsOf(unit: SourceUnit): Node[] {
  return unit.nodes.filter(({ nodeType }) => nodeType === "ContractDefinition");
}

/** Definitions of one kind, at file level and inside contracts. */
function definitions(unit: SourceUnit, nodeType: string): Node[] {
  return [...unit.nodes, ...contractsOf(unit).flatMap(({ nodes }) => nodes ?? [])].filter(
    (node) => node.nodeType === nodeType,
  );
}

export function contractModule(unit: SourceUnit): Module {
  const imports = unit.nodes.filter(({ nodeType }) => nodeType === "ImportDirective");
  return { path: unit.path, imports: imports.map(({ file }) => resolveImport(unit.path, file!)) };
}

/** The text with comments and strings blanked out. */
function codeOnly(text: string): string {
  return text.replace(/\/\/[^\n]*|\/\*[\s\S]*?\*\/|"(?:\\.|[^"\\\n])*"/g, " ");
}

/** Code that another address could swap or end. Minimal clones are the one exception. */
export function proxies(units: SourceUnit[]): string[] {
  return units.flatMap((unit) => {
    const words = codeOnly(unit.text).match(/\b(?:delegatecall|functionDelegateCall|callcode|selfdestruct)\b/g) ?? [];
    const imported = contractModule(unit).imports.filter((path) =>
      /openzeppelin.*\/(?:proxy\/(?!Clones\.sol|utils\/Initializable\.sol)|utils\/Multicall\.sol)/.test(path),
    );
    return [...words, ...imported].map((what) => `${unit.path}: ${what}`);
  });
}

/** A clone's implementation that anyone could initialise. */
export function openImplementations(units: SourceUnit[]): string[] {
  return units
    .filter(({ text }) => /\binitializer\b/.test(codeOnly(text)) && !/\b_disableInitializers\(\)/.test(codeOnly(text)))
    .map(({ path }) => `${path}: the constructor must call _disableInitializers()`);
}

/** Inheritance deeper than contract → OpenZeppelin. Interfaces do not count; libraries have no bases. */
export function deepInheritance(units: SourceUnit[]): string[] {
  const own = new Map(units.flatMap(contractsOf).map((contract) => [contract.name, contract]));
  const depth = (name: string): number => {
    const contract = own.get(name);
    if (contract === undefined) return /^I[A-Z]/.test(name) ? 0 : 1;
    if (contract.contractKind !== "contract") return 0;
    return 1 + Math.max(0, ...basesOf(contract).map(depth));
  };
  return units.flatMap((unit) =>
    contractsOf(unit).flatMap((contract) => {
      const levels = depth(contract.name!);
      const bases = basesOf(contract).filter((name) => own.get(name)?.contractKind === "contract");
      return [
        ...(levels > 2 ? [`${unit.path}: ${contract.name} inherits ${levels} levels deep, 2 are allowed`] : []),
        ...bases.map((name) => `${unit.path}: ${contract.name} inherits ${name}; bases are OpenZeppelin's`),
      ];
    }),
  );
}

function basesOf(contract: Node): string[] {
  return (contract.baseContracts ?? []).map(({ baseName }) => baseName.name);
}

/** Errors that do not say whose they are: Noun_Reason. One that an ERC defines carries its number. */
export function errorNames(units: SourceUnit[]): string[] {
  return units.flatMap((unit) =>
    definitions(unit, "ErrorDefinition")
      .filter(({ name }) => !/^(?:[A-Z][A-Za-z0-9]*_[A-Z]|ERC\d+[A-Z])[A-Za-z0-9]*$/.test(name!))
      .map(({ name }) => `${unit.path}: error ${name} must be named Noun_Reason`),
  );
}

/** Events about an address or an id that nobody can filter by. */
export function subjectlessEvents(units: SourceUnit[]): string[] {
  return units.flatMap((unit) =>
    definitions(unit, "EventDefinition")
      .filter(({ parameters }) => {
        const all = parameters!.parameters;
        const subjects = all.filter(({ typeName }) => {
          const type = typeName?.pathNode?.name ?? typeName?.name ?? "";
          return type === "address" || type.endsWith("Id");
        });
        return subjects.length > 0 && !all.some(({ indexed }) => indexed);
      })
      .map(({ name }) => `${unit.path}: event ${name} has no indexed subject`),
  );
}

/** External and public functions without NatSpec. A comment covers the lines that follow it without a gap. */
export function undocumented(units: SourceUnit[]): string[] {
  return units.flatMap((unit) => {
    const source = Buffer.from(unit.text);
    return contractsOf(unit).flatMap((contract) =>
      (contract.nodes ?? [])
        .filter(({ nodeType, kind }) => nodeType === "FunctionDefinition" && kind === "function")
        .filter(({ visibility }) => visibility === "external" || visibility === "public")
        .filter((node, position, all) => {
          if (node.documentation !== undefined) return false;
          const before = all[position - 1];
          if (before === undefined) return true;
          const [start, length] = before.src.split(":").map(Number) as [number, number];
          return source.subarray(start + length, Number(node.src.split(":")[0])).includes("\n\n");
        })
        .map(({ name }) => `${unit.path}: ${contract.name}.${name} has no NatSpec`),
    );
  });
}

const CHAPTERS = ["types", "constants and immutables", "storage", "constructor", "verbs", "views", "internal"];

/** Contracts whose parts do not follow the house order. */
export function disorder(units: SourceUnit[]): string[] {
  return units.flatMap((unit) =>
    contractsOf(unit).flatMap((contract) => {
      let reached = 0;
      return (contract.nodes ?? []).flatMap((node) => {
        const chapter = chapterOf(node, contract.contractKind === "contract");
        if (chapter === undefined || chapter >= reached) {
          reached = chapter ?? reached;
          return [];
        }
        return [`${unit.path}: ${node.name || node.kind} (${CHAPTERS[chapter]}) stands after ${CHAPTERS[reached]}`];
      });
    }),
  );
}

/**
 * Where a part belongs; undefined: anywhere. Events and errors stand beside the types or the state they tell of;
 * interfaces and libraries tell their own story.
 */
function chapterOf(node: Node, ordered: boolean): number | undefined {
  switch (node.nodeType) {
    case "UsingForDirective":
    case "StructDefinition":
    case "EnumDefinition":
    case "UserDefinedValueTypeDefinition":
      return 0;
    case "VariableDeclaration":
      return node.mutability === "mutable" ? 2 : 1;
    case "FunctionDefinition": {
      if (!ordered) return undefined;
      if (
        node.kind === "constructor" ||
        node.modifiers?.some(({ modifierName }) => modifierName.name === "initializer")
      )
        return 3;
      if (node.visibility === "internal" || node.visibility === "private") return 6;
      return node.stateMutability === "view" || node.stateMutability === "pure" ? 5 : 4;
    }
    default:
      return undefined;
  }
}
