import { ActionIcon, CopyButton, Tooltip } from "@mantine/core";
import { shortHex } from "../format.ts";
import { useWords } from "../language.tsx";
import { partsWords } from "../words/parts.ts";
import { Glyph } from "./Glyph.tsx";

interface AddressTextProps {
  /** An address or a hash. */
  value: string;
  /** What it is called, shown in its stead. */
  name?: string;
  isWhole?: boolean;
}

/** An address or hash, shortened, with a button that copies all of it. */
export function AddressText({ value, name, isWhole = false }: AddressTextProps) {
  const words = useWords(partsWords);
  return (
    <span style={{ whiteSpace: isWhole ? "normal" : "nowrap" }}>
      <span
        className={name === undefined ? "mono" : ""}
        title={value}
        style={isWhole ? { wordBreak: "break-all" } : {}}
      >
        {name ?? (isWhole ? value : shortHex(value))}
      </span>
      <CopyButton value={value}>
        {({ copied, copy }) => (
          <Tooltip label={copied ? words.copied : words.copy}>
            <ActionIcon
              variant="subtle"
              color="gray"
              size="sm"
              ml={2}
              onClick={copy}
              aria-label={`${words.copy} ${value}`}
            >
              <Glyph name={copied ? "check" : "copy"} size={14} />
            </ActionIcon>
          </Tooltip>
        )}
      </CopyButton>
    </span>
  );
}
