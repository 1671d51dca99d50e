/** Functions of jq that are written in jq. */
import type { Ast } from './ast.ts';
import { parseJq } from './parse.ts';

const source = `
def map(f): [.[] | f];
def map_values(f): .[] |= f;
def recurse: ..;
def recurse(f): def r: ., (f | r); r;
def recurse(f; cond): def r: ., (f | select(cond) | r); r;
def values: select(. != null);
def nulls: select(. == null);
def booleans: select(type == "boolean");
def numbers: select(type == "number");
def strings: select(type == "string");
def arrays: select(type == "array");
def objects: select(type == "object");
def iterables: select(type == "array" or type == "object");
def scalars: select(type != "array" and type != "object");
def add(f): reduce f as $x (null; . + $x);
def any: reduce .[] as $x (false; . or $x);
def all: reduce .[] as $x (true; . and $x);
def any(f): reduce (.[] | f) as $x (false; . or $x);
def all(f): reduce (.[] | f) as $x (true; . and $x);
def any(g; f): isempty(first(g | f | select(.))) | not;
def all(g; f): isempty(first(g | f | select(. | not)));
def inside($b): . as $a | $b | contains($a);
def in($o): . as $k | $o | has($k);
def from_entries: reduce .[] as $e ({}; . + { ($e | if .key != null then .key elif .k != null then .k elif .name != null then .name elif .Name != null then .Name elif .Key != null then .Key else null end | if type == "string" then . else tojson end): ($e | if has("value") then .value elif has("v") then .v else .Value end) });
def with_entries(f): to_entries | map(f) | from_entries;
def first: .[0];
def last: .[-1];
def last(f): reduce f as $x (null; $x);
def nth($n): .[$n];
def nth($n; f): last(limit($n + 1; f));
def match(re): match_list(re; null) | .[];
def match(re; flags): match_list(re; flags) | .[];
def capture(re): capture_list(re; null) | .[];
def capture(re; flags): capture_list(re; flags) | .[];
def scan(re): match_list(re; "g") | .[] | if (.captures | length) == 0 then .string else [.captures[].string] end;
def splits(re): split(re; null) | .[];
def splits(re; flags): split(re; flags) | .[];
def leaf_paths: paths(scalars);
def pick(f): . as $top | reduce path(f) as $p (null; setpath($p; $top | getpath($p)));
def walk(f): def w: if type == "object" then map_values(w) elif type == "array" then map(w) else . end | f; w;
def combinations: if length == 0 then [] else .[0][] as $x | (.[1:] | combinations) as $w | [$x] + $w end;
def date: todate;
def debug: .;
`;

let defined: ReadonlyMap<string, { readonly parameters: readonly string[]; readonly body: Ast }> | undefined;

/** By name and number of arguments. */
export function prelude(): ReadonlyMap<string, { readonly parameters: readonly string[]; readonly body: Ast }> {
  if (defined !== undefined) return defined;
  const found = new Map<string, { readonly parameters: readonly string[]; readonly body: Ast }>();
  for (let ast = parseJq(source); ast.kind === 'function'; ast = ast.rest)
    found.set(`${ast.name}/${ast.parameters.length}`, { parameters: ast.parameters, body: ast.body });
  defined = found;
  return found;
}
