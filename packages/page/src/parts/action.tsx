/**
 * A button that orders something: it asks first where the order weighs, says while it works, and what the agent refused.
 * A session that may only look does not have it.
 */
import { useRef, useState } from 'preact/hooks'
import { useSession } from './session.tsx'

export interface ActionProps {
  label: string
  /** What the order does, and its name; undefined: it needs no second thought. */
  question?: { title: string; text: preact.ComponentChildren }
  kind?: 'main' | 'plain' | 'danger'
  /** It changes nothing: a read-only session has it, too. */
  isLook?: boolean
  act(): Promise<void>
}

export function Action({ label, question, kind = 'plain', isLook = false, act }: ActionProps) {
  const { access } = useSession()
  const dialog = useRef<HTMLDialogElement>(null)
  const [isBusy, setBusy] = useState(false)
  const [refusal, setRefusal] = useState<string | null>(null)
  const run = async () => {
    dialog.current?.close()
    setBusy(true)
    setRefusal(null)
    try {
      await act()
    } catch (error) {
      setRefusal(error instanceof Error ? error.message : String(error))
    } finally {
      setBusy(false)
    }
  }
  if (access === 'read' && !isLook) return null
  return (
    <span class="action">
      <button
        type="button"
        class={`button ${kind}`}
        disabled={isBusy}
        aria-busy={isBusy}
        onClick={() => (question === undefined ? void run() : dialog.current?.showModal())}
      >
        {isBusy ? `${label} …` : label}
      </button>
      {refusal !== null && (
        <span class="refusal" role="alert">
          {refusal}
        </span>
      )}
      {question !== undefined && (
        <dialog ref={dialog} aria-label={question.title}>
          <h2>{question.title}</h2>
          <div>{question.text}</div>
          <div class="buttons">
            <button type="button" class="button plain" onClick={() => dialog.current?.close()}>
              No
            </button>
            <button type="button" class={`button ${kind}`} onClick={() => void run()}>
              {label}
            </button>
          </div>
        </dialog>
      )}
    </span>
  )
}
