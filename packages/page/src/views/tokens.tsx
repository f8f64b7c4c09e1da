/** Who may connect and who may administer: the list, a new one with the line that joins a server, and revoking. */
import type { MadeTokenAnswer, TokenAnswer } from '@rootferry/agent/api'
import { useState } from 'preact/hooks'
import { Action } from '../parts/action.tsx'
import { Ago, Until } from '../parts/clock.tsx'
import { CommandLine } from '../parts/command.tsx'
import { useFleet, useSession } from '../parts/session.tsx'
import { useAnswer } from '../parts/use-answer.ts'
import { ask, post } from '../state/api.ts'

export function TokensView() {
  const [version, setVersion] = useState(0)
  const { receivers } = useFleet()
  const { access } = useSession()
  // Tokens are made at the command line as well: a receiver that is new or gone says so.
  const { answer, refusal } = useAnswer<{ tokens: TokenAnswer[] }>('/v1/tokens', [version, receivers.size])
  const renew = () => setVersion((before) => before + 1)
  return (
    <main>
      <h1>Tokens</h1>
      <p>
        A receiver connects with a token of its own. An admin token signs in here and at the API; a read-only one may
        look.
      </p>
      {access === 'full' && <NewTokenForm made={renew} />}
      <section>
        <h2>In force</h2>
        {refusal !== null && <p class="refusal">{refusal.message}</p>}
        <ul class="rows" aria-label="tokens">
          {answer?.tokens.map((token) => (
            <li key={token.name}>
              <TokenRow token={token} revoked={renew} />
            </li>
          ))}
        </ul>
      </section>
    </main>
  )
}

const KINDS: Readonly<Record<TokenAnswer['kind'], string>> = {
  receiver: 'receiver',
  admin: 'admin',
  'admin-read': 'admin, read-only',
}

function TokenRow({ token, revoked }: { token: TokenAnswer; revoked(): void }) {
  const { name, kind, roots, createdAt, expiresAt, nodes } = token
  const revoke = async () => {
    await ask(`/v1/tokens/${encodeURIComponent(name)}`, 'DELETE')
    revoked()
  }
  return (
    <div class="row token">
      <span class="who">
        <strong>{name}</strong> <span class="quiet">{KINDS[kind]}</span>
      </span>
      <span class="quiet">
        {kind === 'receiver' && (roots === null ? 'every root' : roots.join(', '))}
        {nodes !== null && `; ${nodes.length} nodes`}
        {expiresAt !== null && (
          <>
            {kind === 'receiver' && '; '}
            <Until time={expiresAt} />
          </>
        )}
      </span>
      <span class="number quiet">
        made <Ago time={createdAt} />
      </span>
      <Action
        label="Revoke"
        kind="danger"
        question={{
          title: `Revoke ${name}?`,
          text: 'It is useless at once, and its connections and sessions end. What is on its disk stays.',
        }}
        act={revoke}
      />
    </div>
  )
}

interface WantedToken {
  name: string
  kind: TokenAnswer['kind']
  url: string
  many: boolean
  /** As it was typed. */
  days: string
}

const NOTHING: WantedToken = { name: '', kind: 'receiver', url: '', many: false, days: '' }

function NewTokenForm({ made: renew }: { made(): void }) {
  const { roots } = useFleet()
  const [wanted, setWanted] = useState<WantedToken>(NOTHING)
  const [made, setMade] = useState<(MadeTokenAnswer & { name: string }) | null>(null)
  const change = (part: Partial<WantedToken>) => setWanted((before) => ({ ...before, ...part }))
  const isReceiver = wanted.kind === 'receiver'
  const create = async () => {
    const { name, kind, url, many, days } = wanted
    const answer = await post<MadeTokenAnswer>('/v1/tokens', {
      name,
      kind,
      ...(isReceiver && url !== '' ? { url } : {}),
      ...(isReceiver && many ? { many } : {}),
      ...(days === '' ? {} : { expiresSeconds: Math.round(Number(days) * 86_400) }),
    })
    setMade({ ...answer, name })
    change({ name: '' })
    renew()
  }
  return (
    <form class="panel" onSubmit={(event) => event.preventDefault()}>
      <h2>A new one</h2>
      <TokenFields wanted={wanted} change={change} />
      <div class="buttons">
        <Action label="Make it" kind="main" act={create} />
      </div>
      {made !== null && <Made made={made} roots={[...roots.keys()]} />}
    </form>
  )
}

interface TokenFieldsProps {
  wanted: WantedToken
  change(part: Partial<WantedToken>): void
}

function TokenFields({ wanted, change }: TokenFieldsProps) {
  const isReceiver = wanted.kind === 'receiver'
  return (
    <div class="form-line">
      <label>
        Name
        <input
          value={wanted.name}
          maxLength={63}
          placeholder="web3"
          spellcheck={false}
          autocomplete="off"
          onInput={(event) => change({ name: event.currentTarget.value })}
        />
      </label>
      <label>
        For
        <select
          value={wanted.kind}
          onChange={(event) => change({ kind: event.currentTarget.value as TokenAnswer['kind'] })}
        >
          {Object.entries(KINDS).map(([kind, text]) => (
            <option key={kind} value={kind}>
              {text}
            </option>
          ))}
        </select>
      </label>
      <label class="short">
        Expires in days
        <input
          type="number"
          min={0}
          placeholder={isReceiver && !wanted.many ? '7' : 'never'}
          value={wanted.days}
          onInput={(event) => change({ days: event.currentTarget.value })}
        />
      </label>
      {isReceiver && (
        <label>
          Receivers reach this agent at
          <input
            value={wanted.url}
            placeholder="as listen says"
            spellcheck={false}
            onInput={(event) => change({ url: event.currentTarget.value })}
          />
        </label>
      )}
      {isReceiver && (
        <label class="check">
          <input
            type="checkbox"
            checked={wanted.many}
            onChange={(event) => change({ many: event.currentTarget.checked })}
          />
          for nodes that come and go
        </label>
      )}
    </div>
  )
}

function Made({ made, roots }: { made: MadeTokenAnswer & { name: string }; roots: readonly string[] }) {
  const { name, token, invitation, hints } = made
  return (
    <div class="made" role="status">
      <h3>{name} is made. This is shown once, and stored nowhere:</h3>
      {invitation === null ? (
        <CommandLine host="your side" text={token} />
      ) : (
        <CommandLine
          host={name}
          text={`rootferry-receiver join ${invitation} ${roots.map((root) => `--root ${root}=/var/www/${root}`).join(' ')}`}
        />
      )}
      {hints.slice(1).map((hint) => (
        <p key={hint} class="quiet">
          {hint}
        </p>
      ))}
    </div>
  )
}
