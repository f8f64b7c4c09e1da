/** Who is signed in, and what the agent has said: for every part of the page. */
import type { SignedInAnswer } from '@rootferry/agent/api'
import { createContext } from 'preact'
import { useContext } from 'preact/hooks'
import type { Fleet } from '../state/fleet.ts'

export const SessionContext = createContext<SignedInAnswer>({ name: '', access: 'read', version: '' })
export const FleetContext = createContext<Fleet>({
  certificate: null,
  roots: new Map(),
  receivers: new Map(),
  resyncs: new Map(),
  rounds: new Map(),
})

export function useSession(): SignedInAnswer {
  return useContext(SessionContext)
}

export function useFleet(): Fleet {
  return useContext(FleetContext)
}
