import { Text } from "@mantine/core";
import type { CSSProperties, ReactNode } from "react";

interface FigureProps {
  label: ReactNode;
  children: ReactNode;
  /** What the figure is made of, or where it comes from. */
  note?: ReactNode;
  tone?: "good" | "bad" | "warn" | undefined;
  /** For what is words or a time, in a smaller size. */
  isText?: boolean;
}

/** One figure with its name. Several stand in a <Figures>. */
export function Figure({ label, children, note, tone, isText = false }: FigureProps) {
  return (
    <div>
      <Text component="dt" size="sm" c="dimmed">
        {label}
      </Text>
      <Text
        component="dd"
        className={`figures ${tone ?? ""}`}
        fz={isText ? "1.05rem" : "clamp(1.05rem, 1.2vw + 0.8rem, 1.35rem)"}
        fw={600}
        lh={1.35}
        m={0}
      >
        {children}
      </Text>
      {note !== undefined && (
        <Text component="dd" size="xs" c="dimmed" m={0}>
          {note}
        </Text>
      )}
    </div>
  );
}

/** Figures beside one another; fewer in a row where the screen is narrow. */
export function Figures({ perRow = 5, children }: { perRow?: number; children: ReactNode }) {
  return (
    <dl className="figures-row" style={{ "--per-row": perRow } as CSSProperties}>
      {children}
    </dl>
  );
}
