// Package emrtd reads electronic travel documents: passports, residence permits and
// identity cards with the chip of ICAO Doc 9303 parts 10 to 12 (8th edition). It is
// the protocol alone, over a function that sends one command APDU; it touches no
// hardware and knows no profile.
//
//	answer ─ ParseKey ─▶ Key ─ PACE or BAC ─▶ session keys ─ secure messaging ─▶ EF.COM, EF.SOD, DG1, DG11, DG12
//	                                                                                   └─ hashes, signature ─▶ Document
//
// What is needed at a desk is there and no more: PACE with generic mapping over
// elliptic curves, BAC, secure messaging with 3DES and AES, reading, and passive
// authentication. Portrait and fingers (DG2, DG3) are not read, nothing is written,
// and neither a PIN nor a PUK can be presented. Chip and terminal authentication are
// not there, so a copied chip is not told from the original.
//
// The key that opens a document and all that it holds are about a person: no error
// has any of it, and the types mask themselves in logs. Everything parsed is bounded
// by the longest file that short READ BINARY reaches, 32767 bytes.
package emrtd
