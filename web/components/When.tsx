import { timeText } from "../format.ts";
import { useLanguage } from "../language.tsx";

interface WhenProps {
  /** Unix seconds; null says so. */
  at: bigint | number | string | null;
  isDateOnly?: boolean;
}

/** A time, in UTC. */
export function When({ at, isDateOnly = false }: WhenProps) {
  const { language } = useLanguage();
  if (at === null) return <span>—</span>;
  return (
    <time dateTime={new Date(Number(at) * 1000).toISOString()} className="figures" style={{ whiteSpace: "nowrap" }}>
      {timeText(at, language, isDateOnly)}
    </time>
  );
}
