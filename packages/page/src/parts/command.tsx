/** A line to be typed elsewhere, with a button that copies it. */
import { useState } from 'preact/hooks'

const SAID_MS = 2_000

export function CommandLine({ host, text }: { host: string; text: string }) {
  const [isCopied, setCopied] = useState(false)
  const copy = async () => {
    // Without TLS a browser lends its clipboard on loopback only: the line can be marked by hand.
    if (navigator.clipboard === undefined) return
    await navigator.clipboard.writeText(text)
    setCopied(true)
    setTimeout(() => setCopied(false), SAID_MS)
  }
  return (
    <div class="command">
      <span class="where">on {host}</span>
      <code>{text}</code>
      {navigator.clipboard !== undefined && (
        <button type="button" class="button small" onClick={() => void copy()} aria-label={`copy: ${text}`}>
          {isCopied ? 'copied' : 'copy'}
        </button>
      )}
    </div>
  )
}
