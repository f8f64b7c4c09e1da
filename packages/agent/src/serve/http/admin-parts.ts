/**
 * What the admin API needs of the agent: the questions it may ask and the orders it may give. Knows nothing of HTTP.
 */
import type { Logger } from '@rootferry/host/daemon'
import type { RootRequests } from '../../root-messages.ts'
import type { CertificateStatus } from '../door/identity.ts'
import type { NewToken, TokenOrder } from '../door/new-token.ts'
import type { StoredToken } from '../door/tokens.ts'
import type { History } from '../history.ts'
import type { Holds } from '../holds.ts'
import type { Resyncs } from '../resync/resyncs.ts'
import type { TokenAnswer } from '../schemas/access.ts'
import type { ChangesAnswer } from '../schemas/changes.ts'
import type { ReceiverStatus, RootAnswer } from '../schemas/status.ts'
import type { EventLog } from './event-log.ts'
import type { PageSessions } from './page-sessions.ts'

export interface AdminParts {
  version: string
  log: Logger
  /** The host of `admin.listen`. */
  ownHost: string
  authenticate(token: string): StoredToken | null
  sessions: PageSessions
  /** Every token but that of the command line, with the nodes of those for many. */
  tokens(): TokenAnswer[]
  /** @throws Failure when the order contradicts itself, or the name is taken or is not a valid name */
  newToken(order: TokenOrder): Promise<NewToken>
  /** @returns false when there is no token of that name */
  revokeToken(name: string): boolean
  /** The certificate of the stream listener; null when that speaks plain text. */
  certificate(): CertificateStatus | null
  roots(): RootAnswer[]
  receivers(): ReceiverStatus[]
  /** Receivers of a root that say they are ready; null: there is no such root. */
  readyReceivers(root: string): { name: string; address: string }[] | null
  /** @throws HttpProblem when there is no such root, or its directory is missing */
  acceptGuard(root: string): Promise<'accepted' | 'not-halted'>
  /** @throws HttpProblem when there is no such root, or it is not available */
  changes(root: string, order: Omit<RootRequests['recent']['takes'], 'to'>): Promise<ChangesAnswer>
  holds: Pick<Holds, 'hold' | 'release' | 'rounds'>
  resyncs: Pick<Resyncs, 'create' | 'list' | 'get' | 'cancel'>
  events: EventLog
  history: Pick<History, 'latency' | 'lag'>
  metrics(): Promise<{ contentType: string; text: string }>
}
