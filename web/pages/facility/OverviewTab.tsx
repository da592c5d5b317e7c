import type { Facility } from "../../../server/protocol/api.ts";
import { ClassesSection } from "./ClassesSection.tsx";
import { CovenantsSection } from "./CovenantsSection.tsx";
import { PricesSection } from "./PricesSection.tsx";
import { ValueSection } from "./ValueSection.tsx";

/** What the classes are, what they are worth, and what protects them. */
export function OverviewTab({ facility }: { facility: Facility }) {
  return (
    <>
      <ClassesSection facility={facility} />
      <ValueSection facility={facility} />
      <PricesSection facility={facility} />
      <CovenantsSection facility={facility} />
    </>
  );
}
