import ts from "typescript";
import type { TextFile } from "./files.ts";
import { resolveImport, type Module } from "./imports.ts";

function parse({ path, text }: TextFile): ts.SourceFile {
  return ts.createSourceFile(path, text, ts.ScriptTarget.Latest);
}

/** What a TypeScript file imports, types and dynamic imports included. */
export function codeModule(file: TextFile): Module {
  const imports: string[] = [];
  const visit = (node: ts.Node): void => {
    const named = ts.isImportDeclaration(node) || ts.isExportDeclaration(node) ? node.moduleSpecifier : dynamic(node);
    if (named !== undefined && ts.isStringLiteralLike(named)) imports.push(resolveImport(file.path, named.text));
    ts.forEachChild(node, visit);
  };
  visit(parse(file));
  return { path: file.path, imports };
}

function dynamic(node: ts.Node): ts.Expression | ts.LiteralTypeNode["literal"] | undefined {
  if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) return node.arguments[0];
  if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) return node.argument.literal;
  return undefined;
}

/** `export *`: nobody can say what such a file gives. */
export function starExports(files: TextFile[]): string[] {
  return files
    .filter((file) =>
      parse(file).statements.some(
        (node) =>
          ts.isExportDeclaration(node) && (node.exportClause === undefined || ts.isNamespaceExport(node.exportClause)),
      ),
    )
    .map(({ path }) => `${path}: export *`);
}
