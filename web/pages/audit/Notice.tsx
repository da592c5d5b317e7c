import { Text } from "@mantine/core";
import type { ReactNode } from "react";

interface NoticeProps {
  tone: "good" | "warn" | "bad";
  title: ReactNode;
  children?: ReactNode;
}

const LINES = { good: "var(--portal-good)", warn: "var(--portal-warn)", bad: "var(--portal-bad)" } as const;

/** What a check came to, in one line and its reasons. */
export function Notice({ tone, title, children }: NoticeProps) {
  return (
    <div
      className="surface"
      role={tone === "bad" ? "alert" : "status"}
      data-tone={tone}
      style={{ padding: "12px 16px", borderInlineStart: `4px solid ${LINES[tone]}` }}
    >
      <Text fw={600} fz="lg" className={tone} component="div">
        {title}
      </Text>
      {children !== undefined && (
        <Text size="sm" component="div">
          {children}
        </Text>
      )}
    </div>
  );
}
