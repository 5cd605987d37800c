package repository

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// The tag of a resource that a message only mentions, like the patient of a
// laboratory result: what a receiver knows better it keeps.
const (
	tagSystem  = "urn:cardferry:tag"
	tagPartial = "partial"
)

// partial reports whether a resource carries the tag.
func partial(resource map[string]any) bool {
	meta, _ := resource["meta"].(map[string]any)
	tags, _ := meta["tag"].([]any)
	for _, t := range tags {
		tag, _ := t.(map[string]any)
		if tag["system"] == tagSystem && tag["code"] == tagPartial {
			return true
		}
	}
	return false
}

// complete returns the stored resource with the elements that only the mention
// has.
func complete(mention map[string]any, stored []byte) (map[string]any, error) {
	d := json.NewDecoder(bytes.NewReader(stored))
	d.UseNumber()
	var whole map[string]any
	if err := d.Decode(&whole); err != nil {
		return nil, fmt.Errorf("decode a resource: %w", err)
	}
	for element, value := range mention {
		if _, known := whole[element]; !known && element != "meta" {
			whole[element] = value
		}
	}
	return whole, nil
}
