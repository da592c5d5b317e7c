import { inBoth } from "../language.tsx";

/** Words of amount fields and of what every transaction does to a wallet. */
export const fieldWords = inBoth({
  en: {
    malformed: (decimals: number) => `A number with at most ${String(decimals)} decimals`,
    over: (most: string) => `More than there is: ${most}`,
    most: "Available",
    max: "All",
    takeMost: (label: string, most: string) => `${label}: take all, ${most}`,
    inWallet: (unit: string) => `${unit} in the wallet`,
    allow: (spender: string, unit: string) => `Allow ${spender} to take ${unit}`,
    yourShares: (symbol: string) => `Your ${symbol}`,
    connect: "Connect a wallet to see what you have.",
    theFacility: "the facility",
    theMarkets: "the lending markets",
    theVault: "the vault",
    theExchange: "the exchange",
  },
  ja: {
    malformed: (decimals: number) => `小数点以下${String(decimals)}桁までの数値を入力してください`,
    over: (most: string) => `上限を超えています: ${most}`,
    most: "利用可能",
    max: "全額",
    takeMost: (label: string, most: string) => `${label}: 全額 ${most}`,
    inWallet: (unit: string) => `ウォレット内の ${unit}`,
    allow: (spender: string, unit: string) => `${spender}による ${unit} の引き出しを許可`,
    yourShares: (symbol: string) => `保有 ${symbol}`,
    connect: "保有額の表示にはウォレットの接続が必要です。",
    theFacility: "ファシリティ",
    theMarkets: "貸借市場",
    theVault: "ボールト",
    theExchange: "取引所",
  },
});
