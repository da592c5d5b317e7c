import { Badge, Tooltip } from "@mantine/core";
import type { Facility } from "../../server/protocol/api.ts";
import { useWords } from "../language.tsx";
import { dealWords } from "../words/deal.ts";

type FacilityState = Facility["state"];

const STATE_COLORS: Record<FacilityState, string> = {
  Raising: "blue",
  Funding: "blue",
  Performing: "teal",
  CashTrap: "yellow",
  EarlyAmortisation: "orange",
  Enforcement: "red",
  Closed: "gray",
  Refunding: "gray",
};

/** The state of a facility, and what it means. */
export function StateBadge({ state }: { state: FacilityState }) {
  const words = useWords(dealWords);
  return (
    <Tooltip label={words.stateHint[state]} multiline maw={320}>
      <Badge component="span" variant="light" color={STATE_COLORS[state]} tt="none" className="badge" tabIndex={0}>
        {words.state[state]}
      </Badge>
    </Tooltip>
  );
}

/** A class of evidence with what it means: 0 self-reported to 4 audited on site. */
export function EvidenceText({
  evidenceClass,
  isWordOnly = false,
}: {
  evidenceClass: number | null;
  isWordOnly?: boolean;
}) {
  const words = useWords(dealWords);
  if (evidenceClass === null) return <>—</>;
  const key = `c${evidenceClass}` as keyof typeof words.evidence;
  if (isWordOnly) return <>{words.evidence[key]}</>;
  return (
    <>
      {evidenceClass}
      <span className="unit">{words.evidence[key]}</span>
    </>
  );
}
