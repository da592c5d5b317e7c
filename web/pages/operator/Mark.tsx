import { Badge } from "@mantine/core";
import type { ReactNode } from "react";

const COLORS = { good: "teal", bad: "red", warn: "yellow", plain: "gray", news: "blue" } as const;

/** How something stands, in a word. */
export function Mark({ tone, children }: { tone: keyof typeof COLORS; children: ReactNode }) {
  return (
    <Badge component="span" variant="light" color={COLORS[tone]} tt="none" className="badge">
      {children}
    </Badge>
  );
}
