// Package queue is the durable store-and-forward queue between everything a
// hospital produces and the platform it goes to. It answers an [Store.Enqueue]
// only after the item is on disk, hands items out in order per lane, and never
// drops one to make room.
//
// # On disk
//
// A store is a directory, readable by its owner only:
//
//	LOCK                       held by the one process that has the store
//	seg-CLASS-FIRSTSEQ.db      items of one class, a bbolt file of about 64 MB
//	next-CLASS-ID.tmp          a prepared next segment; holds nothing yet
//	meta.db                    what is done, gap notices, the highest sequence
//	dead.db                    parked items
//	quarantine/                files that were damaged and set aside
//
// Many small files rather than one: a segment whose items are all done is
// unlinked, after the commit that says so, which gives the space back without
// compaction. A file that outlived its process is only ever opened for reading
// again: old segments are read as they are, meta.db and dead.db are copied into
// fresh files when a store opens. Damage therefore meets only read paths, which
// recover from it.
//
// Items are compressed (zstd with a built-in dictionary) and sealed (AES-256-GCM,
// a key per segment, wrapped by the [Keyring]) in the caller's goroutine. The
// committer, which alone knows the sequence number, binds it with a stamp under a
// second key; see envelope.go.
//
// # Order and classes
//
// Sequence numbers are global, strictly increasing and never reused, also not
// when every item is done. Within a lane items are handed out in sequence order
// across classes and one at a time; between classes [Store.Next] keeps shares.
// Claims live in memory: after a crash an item that was claimed is handed out
// again, so delivery is at least once and the receiver uses [Item.ID] to make it
// once in effect.
package queue
