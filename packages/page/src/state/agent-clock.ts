/**
 * The agent's clock, as far as its answers tell it: ages are of its times, and the clock of the person's machine may be
 * wrong by hours. Small differences are left alone, as an answer tells whole seconds and takes a while to come.
 */
const LEAST_MS = 5_000

let aheadMs = 0

export function agentNow(): number {
  return Date.now() + aheadMs
}

/** @param date the header of an answer that has just come; null: it has none */
export function tellTime(date: string | null): void {
  const difference = Date.parse(date ?? '') - Date.now()
  if (!Number.isNaN(difference)) aheadMs = Math.abs(difference) < LEAST_MS ? 0 : difference
}
