package configs

import (
	"fmt"
	"strings"
)

// Problem is one mistake in a configuration, with where it is and what to write
// instead. It never repeats the value: a value may be a secret.
type Problem struct {
	Source string // file name, or "environment", "--set"
	Line   int    // 1-based; 0 when the source has no lines
	Column int    // 1-based
	Key    string // dotted, "upstream.timeout"
	Want   string // what was expected
	Hint   string // the likely right key or value; may be empty
}

// Error is "file:line:column: key: what was expected (hint)".
func (p Problem) Error() string {
	var b strings.Builder
	b.WriteString(p.Source)
	if p.Line > 0 {
		fmt.Fprintf(&b, ":%d:%d", p.Line, p.Column)
	}
	b.WriteString(": ")
	if p.Key != "" {
		b.WriteString(p.Key + ": ")
	}
	b.WriteString(p.Want)
	if p.Hint != "" {
		b.WriteString(" (" + p.Hint + ")")
	}
	return b.String()
}

// Problems is every mistake found, in file order; it is the error [Load]
// returns for a configuration that can be read but not used.
type Problems []Problem

// Error is one line a problem.
func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.Error()
	}
	return strings.Join(lines, "\n")
}

// closest returns the candidate that is most likely meant by word, or "".
func closest(word string, candidates []string) string {
	best, least := "", max(len(word)/2, 1)+1
	for _, c := range candidates {
		if d := editDistance(strings.ToLower(word), c); d < least {
			best, least = c, d
		}
	}
	return best
}

// editDistance counts the insertions, deletions, substitutions and swaps of
// neighbours between a and b (optimal string alignment).
func editDistance(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return 64
	}
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			d := min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d = min(d, rows[i-2][j-2]+1)
			}
			rows[i][j] = d
		}
	}
	return rows[len(a)][len(b)]
}
