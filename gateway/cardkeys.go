package gateway

import (
	"encoding/hex"
	"fmt"
	"os"
	"strings"

	"cardferry/configs"
)

// cardKeys are the keys that card profiles name, as [card.Options] wants them.
type cardKeys map[string][]byte

// mifareKey is the length of a MIFARE Classic sector key in bytes.
const mifareKey = 6

// readCardKeys reads the key files of a site. An error names the key and the file,
// never what is in it.
func readCardKeys(list []configs.CardKey) (cardKeys, error) {
	keys := cardKeys{}
	for _, k := range list {
		text, err := os.ReadFile(k.File)
		if err != nil {
			return nil, fmt.Errorf("readers.card_keys %s: %w", k.Name, err)
		}
		key, err := hex.DecodeString(strings.Join(strings.Fields(string(text)), ""))
		if err != nil || len(key) != mifareKey {
			return nil, fmt.Errorf("readers.card_keys %s: %s holds no key; want %d hex digits and nothing else", k.Name, k.File, 2*mifareKey)
		}
		keys[k.Name] = key
	}
	return keys, nil
}

func (k cardKeys) get(name string) ([]byte, bool) {
	key, ok := k[name]
	return key, ok
}
