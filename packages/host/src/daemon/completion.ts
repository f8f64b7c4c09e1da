/**
 * Shell completion, generated from the verbs and options of the command line, so that it is never out of date.
 *
 * bash follows the words before the cursor down the tree of verbs and offers the verbs and options below; zsh runs the
 * same script in its bash mode; fish gets a line for each offer. Where there is nothing to offer, the shell completes
 * file names. Pure.
 */
import { Argument, type Command, InvalidArgumentError } from 'commander'

const SHELLS = ['bash', 'zsh', 'fish'] as const
type Shell = (typeof SHELLS)[number]

interface Place {
  /** Verbs on the way to this place, separated by a space; empty at the top. */
  path: string
  verbs: { name: string; description: string }[]
  options: { name: string; description: string; takesValue: boolean; choices: readonly string[] }[]
  /** The accepted values of its first argument, where those are a few words. */
  words: readonly string[]
}

/** Adds the verb `completion`; call it when all other verbs have been added. */
export function addCompletionCommand(program: Command, out: (text: string) => void): void {
  program
    .command('completion')
    .description('print a script that completes verbs and options in a shell')
    .addArgument(new Argument('<shell>', 'the shell').choices(SHELLS))
    .addHelpText('after', `\nExample:\n  source <(${program.name()} completion bash)`)
    .action((shell: string) => out(completionScript(program, known(shell))))
}

export function completionScript(program: Command, shell: Shell): string {
  const places = placesOf(program, '')
  const name = program.name()
  if (shell === 'fish') return fishScript(name, places)
  const start = shell === 'zsh' ? 'autoload -U +X bashcompinit && bashcompinit\n' : ''
  return `${start}${bashScript(name, places)}`
}

function placesOf(command: Command, path: string): Place[] {
  const verbs = command.commands.map((verb) => ({ name: verb.name(), description: verb.description() }))
  const options = command.options.map(({ long, description, required, argChoices }) => ({
    name: long ?? '',
    description,
    takesValue: required,
    choices: argChoices ?? [],
  }))
  const words = command.registeredArguments[0]?.argChoices ?? []
  const below = command.commands.flatMap((verb) => placesOf(verb, `${path} ${verb.name()}`.trim()))
  return [{ path, verbs, options: options.filter(({ name }) => name !== ''), words }, ...below]
}

function bashScript(name: string, places: readonly Place[]): string {
  const step = `_${name.replaceAll('-', '_')}`
  const paths = places.filter(({ path }) => path !== '').map(({ path }) => (path.includes(' ') ? path : ` ${path}`))
  const offers = places.map(({ path, verbs, options, words }) => {
    const all = [...words, ...[...verbs, ...options].map((offer) => offer.name), '--help']
    return `    '${path}') offers='${all.join(' ')}' ;;`
  })
  // A value without known words gets no offer: then the shell completes file names.
  const values = places.flatMap(({ path, options }) =>
    options
      .filter(({ takesValue }) => takesValue)
      .map(({ name: option, choices }) => `    '${path} ${option}') offers='${choices.join(' ')}' ;;`),
  )
  // bash cuts `--check=content` into three words. In zsh `path` and `words` are variables of the shell's own, and a length
  // that begins with a letter is a modifier.
  return `${step}() {
  local verbs= offers= word current="\${COMP_WORDS[COMP_CWORD]}" before="\${COMP_WORDS[COMP_CWORD-1]}"
  if [[ $current == = ]]; then current=
  elif [[ $before == = ]]; then before="\${COMP_WORDS[COMP_CWORD-2]}"; fi
  for word in "\${COMP_WORDS[@]:1:$((COMP_CWORD-1))}"; do
    case "$verbs $word" in
      ${paths.map((path) => `'${path}'`).join(' | ')}) verbs="\${verbs:+$verbs }$word" ;;
    esac
  done
  case "$verbs" in
${offers.join('\n')}
  esac
  case "$verbs $before" in
${values.join('\n')}
  esac
  COMPREPLY=($(compgen -W "$offers" -- "$current"))
}
complete -o default -F ${step} ${name}
`
}

function fishScript(name: string, places: readonly Place[]): string {
  const lines = places.flatMap(({ path, verbs, options, words }) => {
    const seen =
      path === ''
        ? '__fish_use_subcommand'
        : path
            .split(' ')
            .map((verb) => `__fish_seen_subcommand_from ${verb}`)
            .join('; and ')
    const at = `complete -c ${name} -n '${seen}'`
    return [
      ...verbs.map((verb) => `${at} -f -a ${verb.name} -d '${quoted(verb.description)}'`),
      ...(words.length > 0 ? [`${at} -f -a '${words.join(' ')}'`] : []),
      ...options.map(({ name: option, description, takesValue, choices }) => {
        const among = choices.length > 0 ? ` -x -a '${choices.join(' ')}'` : takesValue ? ' -r' : ''
        return `${at} -l ${option.slice(2)}${among} -d '${quoted(description)}'`
      }),
    ]
  })
  return `${lines.join('\n')}\n`
}

function quoted(text: string): string {
  return text.replaceAll(/['\\]/g, '\\$&')
}

function known(shell: string): Shell {
  const found = SHELLS.find((candidate) => candidate === shell)
  if (found === undefined) throw new InvalidArgumentError(`${SHELLS.join(', ')} are known`)
  return found
}
