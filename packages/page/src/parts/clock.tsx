/** Times as people say them, which grow older while they are looked at, by the agent's clock. */
import { duration } from '@rootferry/host/numbers'
import { createContext } from 'preact'
import { useContext, useEffect, useState } from 'preact/hooks'
import { agentNow } from '../state/agent-clock.ts'

const Now = createContext(0)
const TICK_MS = 1_000

export function ClockProvider({ children }: { children: preact.ComponentChildren }) {
  const [now, setNow] = useState(agentNow())
  useEffect(() => {
    // A page that is not seen has no age to tell, and the right ones at once when it is.
    const tick = () => document.hidden || setNow(agentNow())
    const timer = setInterval(tick, TICK_MS)
    document.addEventListener('visibilitychange', tick)
    return () => {
      clearInterval(timer)
      document.removeEventListener('visibilitychange', tick)
    }
  }, [])
  return <Now.Provider value={now}>{children}</Now.Provider>
}

export function useNow(): number {
  return useContext(Now)
}

/** `5 min ago`, with the moment itself for who points at it. @param time null: there is none */
export function Ago({ time, never = 'never' }: { time: string | null; never?: string }) {
  const now = useNow()
  if (time === null) return <span>{never}</span>
  const seconds = Math.max(0, (now - Date.parse(time)) / 1_000)
  return (
    <time dateTime={time} title={new Date(time).toLocaleString()}>
      {seconds < 2 ? 'just now' : `${duration(seconds)} ago`}
    </time>
  )
}

/** `expires in 6 d 23 h`. */
export function Until({ time }: { time: string }) {
  const seconds = (Date.parse(time) - useNow()) / 1_000
  return (
    <time dateTime={time} title={new Date(time).toLocaleString()}>
      {seconds <= 0 ? 'expired' : `expires in ${duration(seconds)}`}
    </time>
  )
}

/** The time of day, with seconds. */
export function TimeOfDay({ time }: { time: string | null }) {
  if (time === null) return <span>-</span>
  const moment = new Date(time)
  return (
    <time dateTime={time} title={moment.toLocaleString()}>
      {moment.toLocaleTimeString([], { hour12: false })}
    </time>
  )
}
