/**
 * Pure: what the protocol forbids a receiver to say, beyond the schemas of messages and beyond the state of the exchange.
 * Each rule is a MUST of docs/protocol.md.
 */
import { type Expand, type Hello, type List, ProtocolError, type Summarize, type Want } from '@rootferry/protocol'
import { CURSOR } from '../../root-messages.ts'

/** @throws ProtocolError when its fields contradict each other */
export function checkHello({ epoch, term, sequence, durable, prepared, partials, encodings }: Hello): void {
  const isNowhere = epoch === null
  if ((term === null) !== isNowhere || (isNowhere && sequence > 0)) throw malformed('a position in no epoch')
  if (durable > sequence) throw malformed('durable beyond the sequence')
  if (isNowhere && (prepared !== null || partials.length > 0)) throw malformed('something staged of no epoch')
  if (prepared !== null && prepared.sequence < sequence) throw malformed('prepared below the sequence')
  if (!encodings.includes('tar')) throw malformed('encodings without tar')
}

export type ReceiverRequest = List | Summarize | Expand | Want

/** @param open the requests that are not answered. @throws ProtocolError when the request cannot be one */
export function checkRequest(request: ReceiverRequest, open: Iterable<number>): void {
  for (const other of open) if (other === request.request) throw malformed(`request ${other} is open already`)
  if (request.type === 'want') {
    if (isAnyTwice(request.paths.map(([path]) => path))) throw malformed('a path that is wanted twice')
    return
  }
  if (request.after !== null && !CURSOR.test(request.after)) throw malformed('a cursor that no listing had')
  if (request.type === 'expand' && isAnyTwice(request.within)) throw malformed('a directory that is asked for twice')
}

function isAnyTwice(paths: readonly string[]): boolean {
  return new Set(paths).size < paths.length
}

function malformed(detail: string): ProtocolError {
  return new ProtocolError('malformed-message', detail)
}
