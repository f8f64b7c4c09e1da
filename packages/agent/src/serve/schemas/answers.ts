/** The answers of the admin API as their readers see them: the page. */
export type { MadeTokenAnswer, SignedInAnswer, TokenAnswer } from './access.ts'
export type { ChangesAnswer } from './changes.ts'
export type { HistoryAnswer } from './history.ts'
export type { HeldAnswer, ReleasedAnswer, RoundAnswer } from './releases.ts'
export type { ResyncReceiver, ResyncStatus, ResyncSummary } from './resyncs.ts'
export type { ReceiverStatus, RootAnswer, StatusAnswer } from './status.ts'
