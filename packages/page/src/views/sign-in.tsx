/** The way in: a token, or the link of `rootferry-agent page`. Nothing else is shown before it. */
import type { SignedInAnswer } from '@rootferry/agent/api'
import { useEffect, useRef, useState } from 'preact/hooks'
import { ApiProblem, post } from '../state/api.ts'
import { signInCode } from '../state/route.ts'

export interface SignInProps {
  /** Why the person is here again; null: the first time. */
  reason: string | null
  signedIn(session: SignedInAnswer): void
}

export function SignIn({ reason, signedIn }: SignInProps) {
  const [fault, setFault] = useState(reason)
  const [isBusy, setBusy] = useState(false)
  const field = useRef<HTMLInputElement>(null)
  const signIn = async (shown: object) => {
    setBusy(true)
    setFault(null)
    try {
      signedIn(await post<SignedInAnswer>('/v1/session', shown))
    } catch (error) {
      if (!(error instanceof ApiProblem)) throw error
      setFault(error.message)
      setBusy(false)
    }
  }
  useEffect(() => {
    const code = signInCode(location.hash)
    if (code === null) return field.current?.focus()
    // A link works once: it has no place in the history.
    history.replaceState(null, '', '#/')
    void signIn({ code })
  }, [])
  const submit = (event: Event) => {
    event.preventDefault()
    void signIn({ token: field.current?.value ?? '' })
  }
  return (
    <main class="sign-in">
      <h1>
        <img src="/icon.svg" alt="" width="36" height="36" />
        Rootferry
      </h1>
      <form onSubmit={submit}>
        <label for="token">Admin token</label>
        <input id="token" ref={field} type="password" autocomplete="current-password" required spellcheck={false} />
        <button type="submit" class="button main" disabled={isBusy}>
          Sign in
        </button>
        {fault !== null && (
          <p class="refusal" role="alert">
            {fault}
          </p>
        )}
      </form>
      <p class="quiet">
        No token at hand? On the admin server <code>rootferry-agent page</code> prints a link that signs in once.
      </p>
    </main>
  )
}
