/** The page as a whole: who is signed in, the line to the agent, the head, and the view that the address names. */
import type { SignedInAnswer } from '@rootferry/agent/api'
import { duration } from '@rootferry/host/numbers'
import { useEffect, useRef, useState } from 'preact/hooks'
import { ClockProvider } from './parts/clock.tsx'
import { Shape } from './parts/mark.tsx'
import { FleetContext, SessionContext, useFleet } from './parts/session.tsx'
import { agentNow } from './state/agent-clock.ts'
import { ApiProblem, ask, get } from './state/api.ts'
import { attentionOf } from './state/attention.ts'
import type { Fleet } from './state/fleet.ts'
import { type Line, Live } from './state/live.ts'
import { type Route, routeOf, signInCode } from './state/route.ts'
import type { Tone } from './state/words.ts'
import { Deploys } from './views/deploys.tsx'
import { Overview } from './views/overview.tsx'
import { ReceiverView } from './views/receiver.tsx'
import { ResyncView } from './views/resync.tsx'
import { Resyncs } from './views/resyncs.tsx'
import { RootView } from './views/root.tsx'
import { SignIn } from './views/sign-in.tsx'
import { TokensView } from './views/tokens.tsx'

/** `undefined`: it is not known yet whether somebody is. */
type Session = SignedInAnswer | null | undefined

export function App() {
  const [session, setSession] = useState<Session>(undefined)
  const [reason, setReason] = useState<string | null>(null)
  const version = useRef<string | null>(null)
  const signedIn = (next: SignedInAnswer) => {
    // The files of another version of the agent are other ones.
    if (version.current !== null && version.current !== next.version) return location.reload()
    version.current = next.version
    setReason(null)
    setSession(next)
  }
  useEffect(() => {
    if (signInCode(location.hash) !== null) return setSession(null)
    get<SignedInAnswer>('/v1/session').then(signedIn, (error: unknown) => {
      if (error instanceof ApiProblem && error.status === 0) setReason(error.message)
      setSession(null)
    })
  }, [])
  const signedOut = (why: string | null) => {
    setReason(why)
    setSession(null)
  }
  if (session === undefined) return null
  if (session === null) return <SignIn reason={reason} signedIn={signedIn} />
  return <Signed session={session} signedOut={signedOut} />
}

interface Seen {
  fleet: Fleet | null
  line: Line
  /** When the agent last said something. */
  heardMs: number
}

function Signed({ session, signedOut }: { session: SignedInAnswer; signedOut(why: string | null): void }) {
  const [seen, setSeen] = useState<Seen>({ fleet: null, line: 'connecting', heardMs: 0 })
  useEffect(() => {
    const live = new Live({ changed: (fleet, line, heardMs) => setSeen({ fleet, line, heardMs }), signedOut })
    live.open()
    return () => live.close()
  }, [])
  const signOut = async () => {
    await ask('/v1/session', 'DELETE').catch(() => undefined)
    signedOut(null)
  }
  const route = useRoute()
  const { fleet, line } = seen
  return (
    <SessionContext.Provider value={session}>
      <Head route={route} session={session} seen={seen} signOut={() => void signOut()} />
      {fleet === null ? (
        <main>
          <p class="quiet">Asking the agent.</p>
        </main>
      ) : (
        <FleetContext.Provider value={fleet}>
          <ClockProvider>
            <View route={route} isPaused={line === 'paused'} />
          </ClockProvider>
        </FleetContext.Provider>
      )}
    </SessionContext.Provider>
  )
}

function useRoute(): Route {
  const [route, setRoute] = useState(routeOf(location.hash))
  useEffect(() => {
    const changed = () => {
      setRoute(routeOf(location.hash))
      window.scrollTo(0, 0)
    }
    window.addEventListener('hashchange', changed)
    return () => window.removeEventListener('hashchange', changed)
  }, [])
  return route
}

/** The view, with its name in the title; and the focus on it, when the person has gone there. */
function View({ route, isPaused }: { route: Route; isPaused: boolean }) {
  const fleet = useFleet()
  const isFirst = useRef(true)
  const grave = attentionOf(fleet, agentNow()).filter(({ tone }) => tone === 'bad').length
  useEffect(() => {
    const mark = isPaused ? 'paused: ' : grave > 0 ? `(${grave}) ` : ''
    document.title = `${mark}${titleOf(route)} - Rootferry`
  }, [grave, isPaused, JSON.stringify(route)])
  useEffect(() => {
    const main = document.querySelector('main')
    if (!isFirst.current && main !== null) {
      main.tabIndex = -1
      main.focus({ preventScroll: true })
    }
    isFirst.current = false
  }, [JSON.stringify(route)])
  return <Shown route={route} />
}

function titleOf(route: Route): string {
  if (route.view === 'root') return route.root
  if (route.view === 'receiver') return route.receiver
  return VIEWS.find(({ views }) => views.includes(route.view))?.name ?? ''
}

function Shown({ route }: { route: Route }) {
  switch (route.view) {
    case 'overview':
      return <Overview />
    case 'root':
      return <RootView root={route.root} />
    case 'receiver':
      return <ReceiverView receiver={route.receiver} />
    case 'resyncs':
      return <Resyncs root={route.root} receiver={route.receiver} />
    case 'resync':
      return <ResyncView id={route.id} />
    case 'deploys':
      return <Deploys />
    case 'tokens':
      return <TokensView />
  }
}

const VIEWS: readonly { href: string; name: string; views: readonly Route['view'][] }[] = [
  { href: '#/', name: 'Overview', views: ['overview', 'root', 'receiver'] },
  { href: '#/deploys', name: 'Deploys', views: ['deploys'] },
  { href: '#/resyncs', name: 'Resyncs', views: ['resyncs', 'resync'] },
  { href: '#/tokens', name: 'Tokens', views: ['tokens'] },
]

const LINES: Readonly<Record<Line, { tone: Tone; word: string }>> = {
  connecting: { tone: 'busy', word: 'connecting' },
  live: { tone: 'good', word: 'live' },
  reconnecting: { tone: 'bad', word: 'agent not reached' },
  paused: { tone: 'quiet', word: 'paused' },
}

interface HeadProps {
  route: Route
  session: SignedInAnswer
  seen: Seen
  signOut(): void
}

function Head({ route, session, seen: { fleet, line, heardMs }, signOut }: HeadProps) {
  const { tone, word } = LINES[line]
  const age = duration(Math.max(0, Date.now() - heardMs) / 1_000)
  return (
    <header class="head">
      <a class="brand" href="#/">
        <img src="/icon.svg" alt="" width="22" height="22" />
        Rootferry
      </a>
      <nav aria-label="views">
        {VIEWS.map(({ href, name, views }) => (
          <a key={href} href={href} aria-current={views.includes(route.view) ? 'page' : undefined}>
            {name}
          </a>
        ))}
      </nav>
      <span class="line" role="status">
        <Shape tone={tone} /> {word}
      </span>
      {line === 'reconnecting' && (
        <p class="stale">
          The agent is not reached: what you see is what it said {age} ago. The page dials again by itself.
        </p>
      )}
      {line === 'connecting' && fleet !== null && <p class="stale asking">What you see is what it said {age} ago.</p>}
      <span class="session">
        <span class="quiet">
          {session.name}
          {session.access === 'read' ? ', read-only' : ''}
        </span>
        <button type="button" class="button small" onClick={signOut}>
          Sign out
        </button>
      </span>
    </header>
  )
}
