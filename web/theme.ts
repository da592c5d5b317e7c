import { createTheme, type CSSVariablesResolver, type MantineColorsTuple } from "@mantine/core";

const rack: MantineColorsTuple = [
  "#eef6f6",
  "#d9eaea",
  "#b3d4d5",
  "#86bbbe",
  "#5fa3a8",
  "#43919a",
  "#2b7d86",
  "#1c6670",
  "#12525b",
  "#073b43",
];

const dark: MantineColorsTuple = [
  "#d5dadd",
  "#b4bcc1",
  "#929ca3",
  "#66727a",
  "#3a454c",
  "#2c363c",
  "#1f272c",
  "#171d21",
  "#12171a",
  "#0c1012",
];

const SYSTEM =
  'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Noto Sans CJK JP", "Hiragino Sans", sans-serif';

/** The portal's own look over Mantine's components: one colour, system fonts, small radii, figures of one width. */
export const theme = createTheme({
  colors: { rack, dark },
  primaryColor: "rack",
  primaryShade: { light: 7, dark: 6 },
  fontFamily: SYSTEM,
  fontFamilyMonospace: 'ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", "Liberation Mono", monospace',
  headings: { fontFamily: SYSTEM, fontWeight: "600" },
  defaultRadius: "sm",
  cursorType: "pointer",
  respectReducedMotion: true,
});

/** Colours whose contrast holds in both schemes, also for what is said in passing. */
export const variables: CSSVariablesResolver = ({ colors }) => ({
  variables: {},
  light: {
    "--mantine-color-body": "#fbfcfc",
    "--mantine-color-dimmed": "#56636b",
    "--mantine-color-anchor": colors.rack![7],
    "--portal-surface": "#ffffff",
    "--portal-line": "#dfe5e7",
    "--portal-good": "#1d6b3c",
    "--portal-bad": "#a8261c",
    "--portal-warn": "#855000",
  },
  dark: {
    "--mantine-color-body": "#12171a",
    "--mantine-color-dimmed": "#9ba6ad",
    "--mantine-color-anchor": colors.rack![3],
    "--portal-surface": "#171d21",
    "--portal-line": "#2c363c",
    "--portal-good": "#6cc78f",
    "--portal-bad": "#f08a80",
    "--portal-warn": "#e2a94f",
  },
});
