package idcard

import (
	"encoding/base64"
	"strings"

	"cardferry/drivers/checkdigit"
	"cardferry/hl7/fhir/r4"
)

// The four layouts of the text block. Offsets and sizes are bytes. Public
// descriptions: https://www.afzhan.com/st170652/news_212938.html (2017 permanent
// residence), https://www.eastcoms.com/service/pro/840.html (2023 edition).

// citizen decodes a resident ID card.
func (d *document) citizen() {
	d.read.Medium, d.read.Profile = "cn-resident-id", "cn-resident-id@1"
	d.common()
	if d.opt.Ethnicity {
		if code := d.text(32, 4, "ethnicity"); code != "" {
			e := map[string]string{"code": code}
			if name := ethnicity(code); name != "" {
				e["display"] = name
			}
			d.read.Extras["ethnicity"] = e
		}
	}
}

// residencePermit decodes a residence permit for Hong Kong, Macau and Taiwan
// residents (since 2018-09-01): a citizen's layout without ethnicity and with the
// number of the permit to travel to the mainland.
func (d *document) residencePermit() {
	d.read.Medium, d.read.Profile = "cn-hmt-residence-permit", "cn-hmt-residence-permit@1"
	d.common()
	// Table 0203 has no code for a travel permit; a passport number is the nearest.
	if permit := d.text(220, 18, "travel-permit"); permit != "" {
		d.identifier(r4.Identifier{
			Type: identifierType("PPN", "来往内地（大陆）通行证"), System: SystemTravelPermit, Value: permit,
		})
	}
	d.extra("card-issue-count", 238, 4)
}

// common decodes what citizens' cards and residence permits share.
func (d *document) common() {
	d.name(0, 30, "official", "zh")
	d.gender(30)
	d.patient.BirthDate = d.date(36, "birthDate")
	d.address(52)
	number := strings.ToUpper(d.text(122, 36, "identifier"))
	id := r4.Identifier{
		Use: "official", Type: identifierType("NNCHN", "公民身份号码"), System: SystemResidentID, Value: number,
	}
	if issuer := d.text(158, 30, extraIssuer); issuer != "" {
		id.Assigner = &r4.Reference{Display: issuer}
		d.read.Extras[extraIssuer] = issuer
	}
	d.identifier(id)
	d.validity(188, 204)
	d.checkResident(number)
}

// permanent2017 decodes a foreigner's permanent residence card of 2017.
func (d *document) permanent2017() {
	d.read.Medium, d.read.Profile = "cn-permanent-residence", "cn-permanent-residence-2017@1"
	d.name(0, 120, "official", "en")
	d.name(158, 30, "usual", "zh")
	d.gender(120)
	d.patient.BirthDate = d.date(220, "birthDate")
	number := strings.ToUpper(d.text(122, 30, "identifier"))
	d.identifier(permanentNumber("official", number))
	if number != "" && !checkPermanent(number) {
		d.warn("check_digit", "identifier")
	}
	d.extra("nationality", 152, 6)
	d.validity(188, 204)
	d.extra("card-generation", 236, 4)
	d.extra("card-issuer-code", 240, 8)
}

// permanent2023 decodes a foreigner's permanent residence card of 2023, whose
// number is built like a citizen's and which still knows the number of 2017.
func (d *document) permanent2023() {
	d.read.Medium, d.read.Profile = "cn-permanent-residence", "cn-permanent-residence-2023@1"
	// The English name runs over two fields; a space may end the first.
	d.nameText(strings.TrimSpace(d.raw(52, 70, "name")+d.text(220, 22, "name")), "official", "en")
	d.name(0, 30, "usual", "zh")
	d.gender(30)
	d.patient.BirthDate = d.date(36, "birthDate")
	number := strings.ToUpper(d.text(122, 36, "identifier"))
	country := strings.ToUpper(d.text(242, 6, "nationality"))
	d.identifier(permanentNumber("official", number))
	if old := oldPermanentNumber(number, country, d.text(250, 6, "old-number")); old != "" {
		d.identifier(permanentNumber("old", old))
	}
	if country != "" {
		d.read.Extras["nationality"] = country
	}
	d.validity(188, 204)
	d.extra("card-renewal-count", 32, 4)
	d.checkResident(number)
}

// raw is text that keeps a space at its end when the field is full up to there.
func (d *document) raw(off, size int, field string) string {
	s := d.text(off, size, field)
	if d.unit(off+size-2) == ' ' && d.unit(off+size-4) != ' ' {
		return s + " "
	}
	return s
}

func permanentNumber(use, value string) r4.Identifier {
	return r4.Identifier{
		Use: use, Type: identifierType("PRC", "外国人永久居留身份证"), System: SystemPermanentPermit, Value: value,
	}
}

// oldPermanentNumber derives the 15-character number of 2017 from the number,
// country and link of 2023, or returns "" when they do not allow it.
func oldPermanentNumber(number, country, link string) string {
	if len(number) != 18 || len(country) != 3 || len(link) != 3 {
		return ""
	}
	body := country + number[1:3] + link[:2] + number[8:14] + link[2:]
	digit, ok := checkdigit.MRZDigit(body)
	if !ok {
		return ""
	}
	return body + string(rune(digit))
}

// checkPermanent checks the last digit of a 15-character number, which is computed as
// in a machine readable zone.
func checkPermanent(number string) bool {
	return len(number) == 15 && number[14] != '<' && checkdigit.MRZ(number[:14], number[14:])
}

// photo attaches the WLT stream. It has no registered media type.
func (d *document) photo(wlt []byte) {
	d.patient.Photo = []r4.Attachment{{
		ContentType: "application/octet-stream",
		Data:        base64.StdEncoding.EncodeToString(wlt),
		Title:       "WLT",
	}}
}

const (
	addressSize  = 70 // bytes of one appended address, UTF-16LE
	maxAddresses = 4  // that fit the readers' buffer of 280 bytes
)

// AddNewestAddress puts the last of the appended addresses ([Session.NewestAddress])
// in front of the printed one, which becomes the old one. An empty answer changes
// nothing.
func AddNewestAddress(p *r4.Patient, addresses []byte) {
	n := len(addresses) / addressSize
	if p == nil || n == 0 {
		return
	}
	d := &document{block: addresses[(n-1)*addressSize : n*addressSize]}
	s := d.text(0, addressSize, "address")
	if s == "" {
		return
	}
	for i := range p.Address {
		p.Address[i].Use = "old"
	}
	p.Address = append([]r4.Address{{Use: "home", Text: s}}, p.Address...)
}
