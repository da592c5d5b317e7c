export interface AbiParameter {
  name: string;
  type: string;
  internalType?: string;
  components?: AbiParameter[];
}

export interface AbiItem {
  type: string;
  name?: string;
  inputs?: AbiParameter[];
  outputs?: AbiParameter[];
}

/** A function, event or error by its signature: "transfer(address,uint256)". */
export function memberOf(item: AbiItem): string {
  return `${item.name ?? item.type}(${signature(item.inputs ?? [])})`;
}

function signature(inputs: AbiParameter[]): string {
  return inputs
    .map(({ type, components }) =>
      components === undefined ? type : `(${signature(components)})${type.slice("tuple".length)}`,
    )
    .join(",");
}
