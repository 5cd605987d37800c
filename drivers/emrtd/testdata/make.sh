#!/bin/bash
# Makes the files of an invented person's passport, and signs them with OpenSSL in the
# ways that issuers do, so that the reader is tested against another implementation of
# CMS and X.509. Run it in this folder; keys are thrown away.
set -euo pipefail
out=$PWD
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"

hex() { printf '%s' "$1" | xxd -p | tr -d '\n'; }
# tlv TAG HEX prints a data object.
tlv() {
	local n=$((${#2} / 2)) len
	if ((n < 128)); then len=$(printf '%02x' $n); elif ((n < 256)); then len=$(printf '81%02x' $n); else len=$(printf '82%04x' $n); fi
	printf '%s%s%s' "$1" "$len" "$2"
}
save() { printf '%s' "$2" | xxd -r -p >"$out/$1"; }

zone='P<UTOMUSTER<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<<<L000000X17UTO9003071F3501014<<<<<<<<<<<<<<<0'
save com.bin "$(tlv 60 "$(tlv 5f01 "$(hex 0107)")$(tlv 5f36 "$(hex 040000)")$(tlv 5c 61756b6c)")"
save dg1.bin "$(tlv 61 "$(tlv 5f1f "$(hex "$zone")")")"
others=$(tlv a0 "020101$(tlv 5f0f "$(hex '穆斯特<<安妮')")")
save dg11.bin "$(tlv 6b "$(tlv 5c 5f0ea05f0f5f105f2b5f115f425f125f135f14)$(tlv 5f0e "$(hex '穆斯特<<安娜<玛丽亚')")${others}$(tlv 5f10 "$(hex 'UTO-4711')")$(tlv 5f2b "$(hex 19900307)")$(tlv 5f11 "$(hex 'SAMPLE CITY<UTOPIA')")$(tlv 5f42 "$(hex '1 SAMPLE STREET<SAMPLE CITY<UTOPIA')")$(tlv 5f12 "$(hex '+99 555 0100')")$(tlv 5f13 "$(hex TESTER)")$(tlv 5f14 "$(hex DR)")")"
save dg12.bin "$(tlv 6c "$(tlv 5c 5f195f26)$(tlv 5f19 "$(hex 'MINISTRY OF SAMPLES')")$(tlv 5f26 20250101)")"

# lds HASH prints the LDS security object over all groups; DG2 is not read.
lds() {
	local n
	{
		printf 'asn1=SEQUENCE:lds\n[lds]\nv=INTEGER:0\nalg=SEQUENCE:alg\ngroups=SEQUENCE:groups\n[alg]\noid=OID:%s\nnull=NULL\n[groups]\n' "$1"
		for n in 1 2 11 12; do printf 'g%d=SEQUENCE:g%d\n' $n $n; done
		for n in 1 2 11 12; do
			local f="$out/dg$n.bin"
			[[ -e $f ]] || f=/dev/null
			printf '[g%d]\nn=INTEGER:%d\nh=FORMAT:HEX,OCTETSTRING:%s\n' $n $n "$(openssl dgst -"$1" -r "$f" | cut -d' ' -f1)"
		done
	} >lds.cnf
	openssl asn1parse -genconf lds.cnf -noout -out lds.der
}

# signed NAME HASH CA-KEY-OPTIONS SIGNER-KEY-OPTIONS REQUEST-OPTIONS SIGN-OPTIONS
signed() {
	lds "$2"
	# shellcheck disable=SC2086 # options are lists
	{
		openssl genpkey $3 -out ca.key
		openssl req -new -x509 -key ca.key -days 14600 -subj "/C=UT/O=Samples/CN=CSCA $1" $5 -outform DER -out "$out/csca-$1.cer"
		openssl x509 -inform DER -in "$out/csca-$1.cer" -out ca.pem
		openssl genpkey $4 -out ds.key
		openssl req -new -key ds.key -subj "/C=UT/O=Samples/CN=Document Signer $1" -out ds.csr
		printf 'subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n' >ext.cnf
		openssl x509 -req -in ds.csr -CA ca.pem -CAkey ca.key -set_serial 4711 -days 14600 -extfile ext.cnf $5 -out ds.pem
		openssl cms -sign -binary -nodetach -nosmimecap -econtent_type 2.23.136.1.1.1 -md "$2" -in lds.der -signer ds.pem -inkey ds.key -outform DER $6 -out sod.der
	} 2>/dev/null
	save "sod-$1.bin" "$(tlv 77 "$(xxd -p sod.der | tr -d '\n')")"
}

ec='-algorithm EC -pkeyopt ec_param_enc:'
signed brainpool sha256 "${ec}explicit -pkeyopt ec_paramgen_curve:brainpoolP384r1" "${ec}explicit -pkeyopt ec_paramgen_curve:brainpoolP256r1" -sha384 ''
signed nist sha512 "${ec}named_curve -pkeyopt ec_paramgen_curve:P-521" "${ec}named_curve -pkeyopt ec_paramgen_curve:P-384" -sha512 -keyid
rsa='-algorithm RSA -pkeyopt rsa_keygen_bits:2048'
signed pss sha256 "$rsa" "$rsa" '-sha256 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:32' '-keyopt rsa_padding_mode:pss -keyopt rsa_pss_saltlen:32'
signed rsa sha1 "$rsa" "$rsa" -sha256 ''
signed bare sha224 "${ec}named_curve -pkeyopt ec_paramgen_curve:brainpoolP512r1" "${ec}named_curve -pkeyopt ec_paramgen_curve:P-256" -sha256 -noattr
