import { readFileSync } from "node:fs";
import { SimpleMerkleTree, StandardMerkleTree } from "@openzeppelin/merkle-tree";
import { expect } from "chai";
import fc from "fast-check";
import { bytesOf, hexOf, ZERO_BYTES32, type Hex } from "../../server/protocol/bytes.ts";
import { keccak256, keccakText } from "../../server/protocol/keccak.ts";
import { Refusal } from "../../server/protocol/refusal.ts";
import { buildTree, proofLength, proofOf, rootOf, verifyProof } from "../../server/protocol/tree.ts";

type Vector = { leaves: Hex[]; root: Hex; proofs: Hex[][] };
const vectors = JSON.parse(readFileSync(new URL("../vectors/root.json", import.meta.url), "utf8")) as Vector[];

const sideBySide = (leaves: readonly Hex[]): Uint8Array => {
  const bytes = new Uint8Array(32 * leaves.length);
  leaves.forEach((leaf, i) => bytes.set(bytesOf(leaf), 32 * i));
  return bytes;
};
const someLeaves = (count: number): Hex[] => Array.from({ length: count }, (_, i) => keccakText(`${count}/${i}`));

describe("protocol tree", () => {
  describe("given the shared vectors", () => {
    for (const { leaves, root, proofs } of vectors) {
      it(`${leaves.length} leaves have that root and those proofs`, () => {
        const tree = buildTree(sideBySide(leaves));
        expect(rootOf(tree)).to.equal(root);
        expect(leaves.map((_, i) => proofOf(tree, i))).to.deep.equal(proofs);
      });
    }
  });

  describe("beside OpenZeppelin's library", () => {
    it("every size from 1 to 70 has the same root and proofs", () => {
      for (let count = 1; count <= 70; count++) {
        const leaves = someLeaves(count);
        const tree = buildTree(sideBySide(leaves));
        const oracle = SimpleMerkleTree.of(leaves, { sortLeaves: false });
        expect(rootOf(tree)).to.equal(oracle.root);
        for (let i = 0; i < count; i++) expect(proofOf(tree, i)).to.deep.equal(oracle.getProof(i));
      }
    });
    it("leaves of four words are those of its standard tree", () => {
      const values = someLeaves(12);
      const rows = [values.slice(0, 4), values.slice(4, 8), values.slice(8)];
      const leaves = rows.map((row) => hexOf(keccak256(keccak256(sideBySide(row)))));
      const types = ["bytes32", "bytes32", "bytes32", "bytes32"];
      expect(rootOf(buildTree(sideBySide(leaves)))).to.equal(
        StandardMerkleTree.of(rows, types, { sortLeaves: false }).root,
      );
    });
  });

  describe("E12: proofs", () => {
    it("of every leaf verify at its index, and nothing else does", () => {
      const shape = fc
        .integer({ min: 1, max: 40 })
        .chain((count) => fc.record({ count: fc.constant(count), from: fc.nat(count - 1), to: fc.nat(count - 1) }));
      fc.assert(
        fc.property(shape, ({ count, from, to }) => {
          const leaves = someLeaves(count);
          const tree = buildTree(sideBySide(leaves));
          const root = rootOf(tree);
          const proof = proofOf(tree, from);
          expect(verifyProof(root, count, from, bytesOf(leaves[from]!), proof)).to.equal(true);
          expect(verifyProof(root, count, from, bytesOf(leaves[to]!), proof)).to.equal(from === to);
          expect(verifyProof(root, count, from, bytesOf(keccakText("other")), proof)).to.equal(false);
        }),
      );
    });
    const leaves = someLeaves(5);
    const tree = buildTree(sideBySide(leaves));
    const root = rootOf(tree);
    it("of another length are refused: an inner node is no leaf", () => {
      const [sibling, ...rest] = proofOf(tree, 0);
      const pair = [leaves[0]!, sibling!].sort();
      const inner = keccak256(sideBySide(pair));
      expect(verifyProof(root, 5, 0, inner, rest)).to.equal(false);
      expect(verifyProof(root, 5, 0, bytesOf(root), [])).to.equal(false);
      const indices = [0, 1, 2, 3, 4];
      expect(indices.map((i) => proofLength(5, i))).to.deep.equal([3, 3, 2, 2, 2]);
      expect(indices.map((i) => proofOf(tree, i).length)).to.deep.equal([3, 3, 2, 2, 2]);
    });
    it("at an index beyond the count, negative or fractional are refused", () => {
      const proof = proofOf(tree, 0);
      for (const index of [5, -1, 0.5, NaN]) {
        expect(verifyProof(root, 5, index, bytesOf(leaves[0]!), proof)).to.equal(false);
        expect(() => proofOf(tree, index)).to.throw(Refusal, "Tree_NoLeaf");
      }
    });
    it("with a short sibling or leaf are refused", () => {
      const proof = proofOf(tree, 0);
      expect(verifyProof(root, 5, 0, bytesOf(leaves[0]!), [`0x11`, proof[1]!])).to.equal(false);
      expect(verifyProof(root, 5, 0, new Uint8Array(31), proof)).to.equal(false);
    });
  });

  describe("E12: edges", () => {
    it("an empty tree has the root zero, and nothing is in it", () => {
      const empty = buildTree(new Uint8Array(0));
      expect(rootOf(empty)).to.equal(ZERO_BYTES32);
      expect(verifyProof(ZERO_BYTES32, 0, 0, new Uint8Array(32), [])).to.equal(false);
      expect(() => proofOf(empty, 0)).to.throw(Refusal, "Tree_NoLeaf");
    });
    it("one leaf is its own root", () => {
      const [leaf] = someLeaves(1);
      expect(rootOf(buildTree(bytesOf(leaf!)))).to.equal(leaf);
      expect(verifyProof(leaf!, 1, 0, bytesOf(leaf!), [])).to.equal(true);
    });
    it("leaves that are not whole hashes are refused", () => {
      expect(() => buildTree(new Uint8Array(33))).to.throw(Refusal, "Tree_BadLeaves");
    });
    it("the order of the leaves is part of the root", () => {
      const leaves = someLeaves(4);
      const [a, b, c, d] = leaves;
      expect(rootOf(buildTree(sideBySide([a!, c!, b!, d!])))).not.to.equal(rootOf(buildTree(sideBySide(leaves))));
    });
  });
});
