import { Skeleton } from "@mantine/core";
import { lazy, Suspense } from "react";
import type { ChartProps } from "./Plot.tsx";

const Plot = lazy(() => import("./Plot.tsx"));

/** Series over time. What draws them is loaded when the first chart is shown. */
export function Chart(props: ChartProps) {
  return (
    <Suspense fallback={<Skeleton height={props.height ?? 220} aria-busy="true" />}>
      <Plot {...props} />
    </Suspense>
  );
}
