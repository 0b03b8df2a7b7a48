// Oniguruma regular expressions, as tokenizer.json holds them, written as JavaScript's (flag u).
// Syntax: https://github.com/kkos/oniguruma/blob/master/doc/RE. Where the two differ: \s \d \w are Unicode there, ^ and $
// work at every line, '.' excludes \n only, (?i:…) and possessive quantifiers exist, x{1,3}+ repeats (it is not possessive).
import { DataError } from '../lib/errors';
import {
  cased,
  casedRange,
  classLiteral,
  ESCAPED,
  LATIN_WORD,
  literal,
  POSIX,
  propertySet,
  SHORTHAND,
  SPACE,
  WORD,
} from './onigSets';

interface Member {
  set: string;
  char?: string;
  other?: string;
}

class Translator {
  private at = 0;
  private atomic = 0;
  private readonly source: string;
  private readonly keepGroups: boolean;

  constructor(source: string) {
    this.source = source;
    this.keepGroups = /\\(?:[1-9]|k<)/.test(source);
  }

  translate(): string {
    const out = this.alternation(false);
    if (this.at < this.source.length) throw new Error('an unmatched )');
    return out;
  }

  private eat(text: string): boolean {
    if (!this.source.startsWith(text, this.at)) return false;
    this.at += text.length;
    return true;
  }

  private alternation(fold: boolean): string {
    let out = '';
    let ignoreCase = fold;
    while (this.at < this.source.length && this.source[this.at] !== ')') {
      const flags = /^\(\?(-?)i\)/.exec(this.source.slice(this.at, this.at + 5));
      if (flags) {
        this.at += flags[0].length;
        ignoreCase = flags[1] === '';
      } else if (this.eat('|')) out += '|';
      else out += this.quantified(ignoreCase);
    }
    return out;
  }

  private quantified(fold: boolean): string {
    let atom = this.atom(fold);
    for (;;) {
      const found = /^(?:[?*+]|\{\d+(?:,\d*)?\}|\{,\d+\})/.exec(this.source.slice(this.at, this.at + 24));
      if (!found || atom === '') return atom;
      this.at += found[0].length;
      const count = found[0].replace('{,', '{0,');
      if (this.eat('?')) atom = `(?:${atom}${count}?)`;
      else if (count[0] !== '{' && this.eat('+')) atom = this.possess(`${atom}${count}`);
      else if (/^[?*+{]/.test(this.source.slice(this.at, this.at + 1))) atom = `(?:${atom}${count})`;
      else return `${atom}${count}`;
    }
  }

  /** A lookahead never gives back what it matched; the group then takes just that. */
  private possess(body: string): string {
    if (this.keepGroups) throw new Error('a possessive quantifier together with a back-reference');
    const name = `atomic${this.atomic++}`;
    return `(?:(?=(?<${name}>${body}))\\k<${name}>)`;
  }

  private atom(fold: boolean): string {
    const char = String.fromCodePoint(this.source.codePointAt(this.at)!);
    if (char === '(') return this.group(fold);
    if (char === '[') {
      this.at++;
      return this.charClass(fold);
    }
    if (char === '\\') return this.escape(fold);
    this.at += char.length;
    if (char === '.') return '[^\\n]';
    if (char === '^') return '(?<![^\\n])';
    if (char === '$') return '(?![^\\n])';
    return literal(char, fold);
  }

  private group(fold: boolean): string {
    const from = this.at;
    let ignoreCase = fold;
    let open = '(?:';
    let possessive = false;
    if (this.eat('(?#')) {
      this.at = this.source.indexOf(')', this.at) + 1;
      if (this.at === 0) throw new Error('a comment without end');
      return '';
    }
    const look = ['(?=', '(?!', '(?<=', '(?<!'].find((text) => this.eat(text));
    if (look) open = look;
    else if (this.eat('(?>')) possessive = true;
    else if (this.eat('(?i:')) ignoreCase = true;
    else if (this.eat('(?-i:')) ignoreCase = false;
    else if (this.eat('(?:')) open = '(?:';
    else {
      const named = /^\(\?<[a-zA-Z_]\w*>/.exec(this.source.slice(this.at));
      if (named) open = this.keepGroups ? named[0] : '(?:';
      else if (this.source.startsWith('(?', this.at))
        throw new Error(`the group ${this.source.slice(this.at, this.at + 4)}`);
      else open = this.keepGroups ? '(' : '(?:';
      this.at += named ? named[0].length : 1;
    }
    const body = this.alternation(ignoreCase);
    if (!this.eat(')')) throw new Error(`a group without end at ${from}`);
    return possessive ? this.possess(body) : `${open}${body})`;
  }

  private escape(fold: boolean): string {
    const next = this.source[this.at + 1] ?? '';
    const edges: Record<string, string> = {
      A: '(?<![^])',
      z: '(?![^])',
      Z: '(?=\\n?(?![^]))',
      R: '(?:\\r\\n|[\\n-\\r\\x85\\u2028\\u2029])',
    };
    if (next === 'b' || next === 'B') {
      this.at += 2;
      const word = `[${WORD}${LATIN_WORD}]`;
      return next === 'b'
        ? `(?:(?<=${word})(?!${word})|(?<!${word})(?=${word}))`
        : `(?:(?<=${word})(?=${word})|(?<!${word})(?!${word}))`;
    }
    if (edges[next]) {
      this.at += 2;
      return edges[next];
    }
    const back = /^\\(?:[1-9]|k<\w+>)/.exec(this.source.slice(this.at));
    if (back) {
      this.at += back[0].length;
      return back[0];
    }
    const inside = this.classEscape();
    if (next === 'w' || next === 'W') return `[${next === 'W' ? '^' : ''}${WORD}${LATIN_WORD}]`;
    return inside.other ?? (inside.char === undefined ? `[${inside.set}]` : literal(inside.char, fold));
  }

  /** An escape that stands for one character, a set of them, or all but a set (`other`). */
  private classEscape(): Member {
    const rest = this.source.slice(this.at, this.at + 48);
    const property = /^\\([pP])\{(\^?)([^}]+)\}|^\\([pP])([A-Z])/.exec(rest);
    if (property) {
      this.at += property[0].length;
      const negated = ((property[1] ?? property[4]) === 'P') !== (property[2] === '^');
      return { set: propertySet(property[3] ?? property[5]!, negated) };
    }
    const code = /^\\(?:x\{([0-9a-fA-F]+)\}|x([0-9a-fA-F]{1,2})|u([0-9a-fA-F]{4})|(0[0-7]{0,2}))/.exec(rest);
    if (code) {
      this.at += code[0].length;
      const value = code[4] ? Number.parseInt(code[4], 8) : Number.parseInt((code[1] ?? code[2] ?? code[3])!, 16);
      return { set: '', char: String.fromCodePoint(value) };
    }
    const char = rest.length > 1 ? String.fromCodePoint(rest.codePointAt(1)!) : '';
    const set = SHORTHAND[char.toLowerCase()];
    if (set !== undefined) {
      this.at += 2;
      if (char === char.toLowerCase()) return { set };
      return set === SPACE || char === 'D' ? { set: set.replace('p', 'P') } : { set: '', other: `[^${set}]` };
    }
    if (char === '' || (/[a-zA-Z]/.test(char) && !ESCAPED[char])) throw new Error(`the escape \\${char}`);
    this.at += 1 + char.length;
    return ESCAPED[char] ? { set: ESCAPED[char] } : { set: '', char };
  }

  /** After the opening bracket. Nested sets and && become alternatives and lookaheads. */
  private charClass(fold: boolean): string {
    const negated = this.eat('^');
    const parts: string[] = [];
    let set = '';
    let alternatives: string[] = [];
    const close = () => {
      if (set !== '') alternatives.unshift(`[${set}]`);
      parts.push(alternatives.length === 1 ? alternatives[0]! : `(?:${alternatives.join('|') || '(?!)'})`);
      set = '';
      alternatives = [];
    };
    for (let first = true; ; first = false) {
      if (this.at >= this.source.length) throw new Error('a character class without end');
      if (!first && this.eat(']')) break;
      const posix = /^\[:(\^?)(\w+):\]/.exec(this.source.slice(this.at, this.at + 16));
      if (posix) {
        this.at += posix[0].length;
        const inside = POSIX[posix[2]!];
        if (!inside) throw new Error(posix[0]);
        if (posix[1]) alternatives.push(`[^${inside}]`);
        else set += inside;
      } else if (this.eat('[')) alternatives.push(this.charClass(fold));
      else if (this.eat('&&')) close();
      else {
        const from = this.classMember();
        if (from.other) alternatives.push(from.other);
        const range = from.char !== undefined && /^-[^\]]/.test(this.source.slice(this.at, this.at + 2));
        if (!range) set += from.char === undefined ? from.set : cased(from.char, fold);
        else {
          this.at++;
          const to = this.classMember();
          if (to.char === undefined) set += `${classLiteral(from.char!)}\\-${to.set}`;
          else set += casedRange(from.char!, to.char, fold);
        }
      }
    }
    close();
    const all =
      parts.length === 1
        ? parts[0]!
        : `(?:${parts
            .slice(0, -1)
            .map((p) => `(?=${p})`)
            .join('')}${parts.at(-1)})`;
    if (!negated) return all;
    return /^\[(?!\^)(?:[^[\]\\]|\\.)*\]$/u.test(all) ? `[^${all.slice(1)}` : `(?:(?!${all})[^])`;
  }

  private classMember(): Member {
    if (this.source[this.at] === '\\') {
      if (this.source[this.at + 1] === 'b') {
        this.at += 2;
        return { set: '\\x08' };
      }
      return this.classEscape();
    }
    const char = String.fromCodePoint(this.source.codePointAt(this.at)!);
    this.at += char.length;
    return { set: '', char };
  }
}

/** Oniguruma source → JavaScript RegExp (flags g, u). Throws DataError naming what JavaScript cannot express. */
export function compileRegex(source: string, where: string): RegExp {
  try {
    return new RegExp(new Translator(source).translate(), 'gu');
  } catch (cause) {
    throw new DataError(
      `tokenizer.json: ${where} holds a pattern that a browser cannot run: ${(cause as Error).message} in ${source.slice(0, 200)}. Use a tokenizer whose patterns avoid it.`,
      { cause, where: `tokenizer.json: ${where}` },
    );
  }
}
