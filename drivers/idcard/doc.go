// Package idcard speaks to readers of the second-generation Chinese resident ID
// card and its sisters. A SAM (security module) in the reader does all the
// cryptography; the host exchanges short frames with it, and what comes back is
// a fixed 256-byte UTF-16LE text block.
//
// The package does not know the wire. A [Transport] carries one frame out and
// one frame in; the serial and the usb driver each bring theirs. On top of it
// [Session] has the commands and [Watcher] turns a reader into the events of
// package drivers. [DecodeText] alone is enough for a stored block.
//
// Protocol facts: vendor documents of the SAM_V / SDT protocol as mirrored at
// https://blog.csdn.net/zhangbijun1230/article/details/85242964 and
// https://www.eastcoms.com/service/downdrive/508.html, cross-checked with the
// serial SAM client of HslCommunication. Nothing here was checked against
// hardware by its authors.
package idcard
