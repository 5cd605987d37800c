package code

import (
	"regexp/syntax"
	"unicode/utf8"
)

// filter turns texts away that a pattern cannot match, by length and first byte,
// so that a scan meets only the few patterns that may be its own. It never turns
// away a text that matches.
type filter struct {
	min, max int // bytes; max -1 is any
	first    [256]bool
}

// newFilter derives a filter from a pattern of the whole text.
func newFilter(re *syntax.Regexp) filter {
	f := filter{}
	f.min, f.max = lengths(re)
	if empty := f.starts(re); empty {
		f.anyFirst()
	}
	return f
}

// pass says whether the pattern may match the text.
func (f *filter) pass(text string) bool {
	if len(text) < f.min || f.max >= 0 && len(text) > f.max {
		return false
	}
	return text == "" || f.first[text[0]]
}

// lengths are the fewest and the most bytes that re matches; most -1 is any.
func lengths(re *syntax.Regexp) (fewest, most int) {
	switch re.Op {
	case syntax.OpLiteral:
		for _, r := range re.Rune {
			n, m := runeLen(r), runeLen(r)
			if re.Flags&syntax.FoldCase != 0 { // some letters fold to longer or shorter ones
				n, m = 1, utf8.UTFMax
			}
			fewest, most = fewest+n, most+m
		}
	case syntax.OpCharClass:
		if len(re.Rune) > 0 {
			return runeLen(re.Rune[0]), runeLen(re.Rune[len(re.Rune)-1])
		}
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return 1, utf8.UTFMax
	case syntax.OpCapture:
		return lengths(re.Sub[0])
	case syntax.OpConcat:
		for _, sub := range re.Sub {
			n, m := lengths(sub)
			fewest, most = fewest+n, addMost(most, m)
		}
	case syntax.OpAlternate:
		fewest, most = lengths(re.Sub[0])
		for _, sub := range re.Sub[1:] {
			n, m := lengths(sub)
			fewest = min(fewest, n)
			if most >= 0 && (m < 0 || m > most) {
				most = m
			}
		}
	case syntax.OpStar, syntax.OpPlus, syntax.OpQuest, syntax.OpRepeat:
		return repeated(re)
	}
	return fewest, most
}

// runeLen is the length in bytes of a rune, or of its neighbours for a surrogate half,
// which a class may end at though no text has it.
func runeLen(r rune) int {
	if n := utf8.RuneLen(r); n > 0 {
		return n
	}
	return 3
}

// repeated is lengths for the operators of repetition.
func repeated(re *syntax.Regexp) (fewest, most int) {
	least, limit := re.Min, re.Max // of OpRepeat
	switch re.Op {
	case syntax.OpStar:
		least, limit = 0, -1
	case syntax.OpPlus:
		least, limit = 1, -1
	case syntax.OpQuest:
		least, limit = 0, 1
	}
	n, m := lengths(re.Sub[0])
	if limit < 0 || m < 0 {
		return least * n, -1
	}
	return least * n, limit * m
}

func addMost(a, b int) int {
	if a < 0 || b < 0 {
		return -1
	}
	return a + b
}

// starts adds the bytes that a match of re may begin with and says whether re may
// match nothing, so that what follows it counts as well.
func (f *filter) starts(re *syntax.Regexp) (empty bool) {
	switch re.Op {
	case syntax.OpLiteral:
		if len(re.Rune) == 0 {
			return true
		}
		if re.Flags&syntax.FoldCase != 0 {
			f.anyCase(re.Rune[0])
		} else {
			f.runes(re.Rune[0], re.Rune[0])
		}
		return false
	case syntax.OpCharClass:
		for i := 0; i < len(re.Rune); i += 2 {
			f.runes(re.Rune[i], re.Rune[i+1])
		}
		return false
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		f.anyFirst()
		return false
	case syntax.OpCapture, syntax.OpPlus:
		return f.starts(re.Sub[0])
	case syntax.OpStar, syntax.OpQuest:
		f.starts(re.Sub[0])
		return true
	case syntax.OpRepeat:
		return f.starts(re.Sub[0]) || re.Min == 0
	case syntax.OpConcat:
		for _, sub := range re.Sub {
			if !f.starts(sub) {
				return false
			}
		}
		return true
	case syntax.OpAlternate:
		for _, sub := range re.Sub {
			empty = f.starts(sub) || empty
		}
		return empty
	case syntax.OpNoMatch:
		return false
	}
	return true // an assertion of no width
}

// runes adds the first bytes of the runes from lo to hi. Everything beyond ASCII
// counts as one.
func (f *filter) runes(lo, hi rune) {
	for r := lo; r <= hi && r < utf8.RuneSelf; r++ {
		f.first[r] = true
	}
	if hi >= utf8.RuneSelf {
		f.beyondASCII()
	}
}

// anyCase adds a letter in both cases, and what else folds to it.
func (f *filter) anyCase(r rune) {
	f.beyondASCII()
	if r < utf8.RuneSelf {
		f.first[r], f.first[r^0x20] = true, true
	}
}

func (f *filter) beyondASCII() {
	for b := utf8.RuneSelf; b < len(f.first); b++ {
		f.first[b] = true
	}
}

func (f *filter) anyFirst() {
	for b := range f.first {
		f.first[b] = true
	}
}
