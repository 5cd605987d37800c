package emrtd

import (
	"bytes"
	"context"
	"encoding/hex"
	"math/big"
	"strings"
	"testing"

	"cardferry/drivers/emrtd/chip"
)

func unhex(tb testing.TB, s string) []byte {
	tb.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// scripted answers the commands of a worked example and fails on any other.
func scripted(tb testing.TB, dialogue ...string) Transceive {
	return func(_ context.Context, cmd []byte) ([]byte, error) {
		if len(dialogue) < 2 {
			tb.Fatalf("sent %X after the end", cmd)
		}
		if want := unhex(tb, dialogue[0]); !bytes.Equal(cmd, want) {
			tb.Fatalf("sent %X\nwant %X", cmd, want)
		}
		answer := unhex(tb, dialogue[1])
		dialogue = dialogue[2:]
		return answer, nil
	}
}

const (
	appendixDKey     = "L898902C<369080619406236"
	appendixDChip    = "4608F91988702212" + "0B4F80323EB3191CB04970CB4052790B" // RND.IC, K.IC
	appendixDReader  = "781723860C06C226" + "0B795240CB7049B01C19B33E32804F0B" // RND.IFD, K.IFD
	appendixDCom     = "60145F0104303130365F36063034303030305C026175"
	appendixGKey     = "T22000129364081251010318"
	appendixGReader1 = "7F4EF07B 9EA82FD7 8AD689B3 8D0BC78C F21F249D 953BC46F 4C6E1925 9C010F99"
	appendixGReader2 = "A73FB703 AC1436A1 8E0CFA5A BB3F7BEC 7A070E7A 6788486B EE230C4A 22762595"
	appendixGChip1   = "498FF497 56F2DC15 87840041 839A8598 2BE7761D 14715FB0 91EFA7BC E9058560"
	appendixGChip2   = "107CF586 96EF6155 053340FD 633392BA 81909DF7 B9706F22 6F32086C 7AFF974A"
)

// Doc 9303-11, appendix D: the whole dialogue of BAC and the reading of EF.COM.
var appendixD = []string{
	"0084000008", "4608F919887022129000",
	"0082000028 72C29C2371CC9BDB65B779B8E8D37B29ECC154AA56A8799FAE2F498F76ED92F2 5F1448EEA8AD90A7 28",
	"46B9342A41396CD7386BF5803104D7CEDC122B9132139BAF2EEDC94EE178534F 2F2D235D074D7449 9000",
	"0CA4020C 15 8709016375432908C044F6 8E08BF8B92D635FF24F8 00", "99029000 8E08FA855A5D4C50A8ED 9000",
	"0CB00000 0D 970104 8E08ED6705417E96BA55 00", "8709019FF0EC34F9922651 99029000 8E08AD55CC17140B2DED 9000",
	"0CB00004 0D 970112 8E082EA28A70F3C7B535 00", "871901FB9235F4E4037F2327DCC8964F1F9B8C30F42C8E2FFF224A 99029000 8E08C8B2787EAEA07D74 9000",
}

// Doc 9303-11, appendix G.1: PACE with generic mapping on brainpoolP256r1, AES-128.
var appendixG = []string{
	"0022C1A4 12 800A04007F00070202040202 830101 84010D", "9000",
	"10860000 02 7C00 00", "7C12 8010 95A3A016522EE98D01E76CB6B98B42C3 9000",
	"10860000 45 7C43 8141 047ACF3EFC982EC45565A4B155129EFBC74650DCBFA6362D896FC70262E0C2CC5E544552DCB6725218799115B55C9BAA6D9F6BC3A9618E70C25AF71777A9C4922D 00",
	"7C43 8241 04824FBA91C9CBE26BEF53A0EBE7342A3BF178CEA9F45DE0B70AA601651FBA3F5730D8C879AAA9C9F73991E61B58F4D52EB87A0A0C709A49DC63719363CCD13C54 9000",
	"10860000 45 7C43 8341 042DB7A64C0355044EC9DF190514C625CBA2CEA48754887122F3A5EF0D5EDD301C3556F3B3B186DF10B857B58F6A7EB80F20BA5DC7BE1D43D9BF850149FBB36462 00",
	"7C43 8441 049E880F842905B8B3181F7AF7CAA9F0EFB743847F44A306D2D28C1D9EC65DF6DB7764B22277A2EDDC3C265A9F018F9CB852E111B768B326904B59A0193776F094 9000",
	"00860000 0C 7C0A 8508C2B0BD78D94BA866 00", "7C0A 8608 3ABB9674BCE93C08 9000",
}

// wants are the random bytes from which a private key is made so that it is k; over is
// how many bytes more than the field has are read.
func wants(tb testing.TB, k string, over int) []byte {
	tb.Helper()
	n := new(big.Int).SetBytes(unhex(tb, k))
	return append(make([]byte, over), n.Sub(n, big.NewInt(1)).FillBytes(make([]byte, 32))...)
}

func TestAppendixD(t *testing.T) {
	key, err := MRZKey("L898902C", "690806", "940623")
	if err != nil || key.mrz != appendixDKey {
		t.Fatalf("key %v, %v", key.mrz, err)
	}
	if seed := key.secret()[:16]; !bytes.Equal(seed, unhex(t, "239AB9CB282DAF66231DC5A4DF6BFBAE")) {
		t.Errorf("seed %X", seed)
	}
	send := scripted(t, appendixD...)
	sm, err := basicAccess(t.Context(), send, key, bytes.NewReader(unhex(t, appendixDReader)))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(sm.ssc, unhex(t, "887022120C06C226")) {
		t.Errorf("counter %X", sm.ssc)
	}
	com, err := (&reader{send: send, sm: sm}).file(t.Context(), "EF.COM", 0x011E)
	if err != nil || !bytes.Equal(com, unhex(t, appendixDCom)) {
		t.Errorf("EF.COM %X, %v", com, err)
	}
	if has, err := parseCOM(com); err != nil || !has[1] || has[11] {
		t.Errorf("data groups %v, %v", has, err)
	}
}

func TestAppendixG(t *testing.T) {
	key, err := MRZKey("T22000129", "640812", "101031")
	if err != nil || key.mrz != appendixGKey {
		t.Fatalf("key %v, %v", key.mrz, err)
	}
	if k := aes128.derive(key.secret(), forPassword); !bytes.Equal(k, unhex(t, "89DED1B26624EC1E634C1989302849DD")) {
		t.Errorf("key of the password %X", k)
	}
	ways, err := parseCardAccess(unhex(t, "31143012060A04007F0007020204020202010202010D"))
	if err != nil || len(ways) != 1 {
		t.Fatalf("%d ways, %v", len(ways), err)
	}
	if p := ways[0].protocol(); p != "PACE-ECDH-GM-AES-CBC-CMAC-128 brainpoolP256r1" {
		t.Error(p)
	}
	random := bytes.NewReader(append(wants(t, appendixGReader1, 8), wants(t, appendixGReader2, 8)...))
	sm, err := ways[0].authenticate(t.Context(), scripted(t, appendixG...), key, random)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(sm.mac, unhex(t, "FE251C7858B356B24514B3BD5F4297D1")) || !bytes.Equal(sm.ssc, make([]byte, 16)) {
		t.Errorf("key %X, counter %X", sm.mac, sm.ssc)
	}
	enc := aes128.block(unhex(t, "F5F0E35C0D7161EE6724EE513A0D9A7F"))
	got, want := make([]byte, 16), make([]byte, 16)
	enc.Encrypt(want, want)
	sm.enc.Encrypt(got, got)
	if !bytes.Equal(got, want) {
		t.Error("encryption key differs")
	}
}

// The chip in software gives the answers of the same examples.
func TestChipAnswersTheExamples(t *testing.T) {
	for name, tt := range map[string]struct {
		c        chip.Config
		before   string
		dialogue []string
	}{
		"appendix D": {chip.Config{KeyInfo: appendixDKey, Files: map[uint16][]byte{0x011E: unhex(t, appendixDCom)}, Random: bytes.NewReader(unhex(t, appendixDChip))},
			"00A4040C07A0000002471001", appendixD},
		"appendix G": {chip.Config{KeyInfo: appendixGKey, PACE: []chip.Way{{Cipher: 2, Parameter: 13}},
			Random: bytes.NewReader(append(append(unhex(t, "3F00C4D39D153F2B2A214A078D899B22"), wants(t, appendixGChip1, 0)...), wants(t, appendixGChip2, 0)...))},
			"00A4000C023F00", appendixG},
	} {
		t.Run(name, func(t *testing.T) {
			c := chip.New(tt.c)
			if got := c.APDU(unhex(t, tt.before)); !bytes.Equal(got, []byte{0x90, 0x00}) {
				t.Fatalf("select: %X", got)
			}
			for i := 0; i < len(tt.dialogue); i += 2 {
				if got, want := c.APDU(unhex(t, tt.dialogue[i])), unhex(t, tt.dialogue[i+1]); !bytes.Equal(got, want) {
					t.Fatalf("command %d: answered %X\nwant %X", i/2+1, got, want)
				}
			}
		})
	}
}

// Every curve has its generator on it, of the order that it says; a prime order and a
// prime field.
func TestCurves(t *testing.T) {
	for id, c := range curves {
		if !c.p.ProbablyPrime(20) || !c.n.ProbablyPrime(20) {
			t.Errorf("%d %s: a parameter is not prime", id, c.name)
		}
		if _, err := c.parse(c.bytes(c.generator)); err != nil {
			t.Errorf("%d %s: %v", id, c.name, err)
		}
		if _, ok := c.affine(c.times(c.n, c.generator)); ok {
			t.Errorf("%d %s: wrong order", id, c.name)
		}
		next, _ := c.affine(c.times(new(big.Int).Add(c.n, big.NewInt(1)), c.generator))
		if !bytes.Equal(c.bytes(next), c.bytes(c.generator)) {
			t.Errorf("%d %s: (n+1)G is not G", id, c.name)
		}
	}
}

// AES-CMAC, NIST SP 800-38B, D.1; the padded and the whole block.
func TestCMAC(t *testing.T) {
	b := aes128.block(unhex(t, "2B7E151628AED2A6ABF7158809CF4F3C"))
	for message, want := range map[string]string{
		"":                                 "BB1D6929E95937287FA37D129B756746",
		"6BC1BEE22E409F96E93D7E117393172A": "070A16B46B4D4144F79BDD9DD04A287C",
		"6BC1BEE22E409F96E93D7E117393172AAE2D8A571E03AC9C9EB76FAC45AF8E5130C81C46A35CE411": "DFA66747DE9AE63030CA32611497C827",
	} {
		if got := cmac(b, unhex(t, message)); !bytes.Equal(got, unhex(t, want)) {
			t.Errorf("%s: %X", message, got)
		}
	}
}
