/** A text as a value or a key of a YAML file that people read. Pure. */

/** Unquoted where YAML reads the same text in any place, and quoted otherwise: JSON strings are YAML. */
export function yamlScalar(text: string): string {
  return /^[A-Za-z/][A-Za-z0-9_./-]*(?::[A-Za-z0-9_./-]+)*$/.test(text) &&
    !/^(true|false|null|yes|no|on|off|y|n)$/i.test(text)
    ? text
    : JSON.stringify(text)
}
